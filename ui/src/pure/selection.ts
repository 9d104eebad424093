/** A selection by line and column: it outlives the rows that showed it, and says what is copied. */

export interface Spot {
  line: number;
  /** In characters of the line's plain text; Infinity is its end. */
  column: number;
}

export interface Selected {
  from: Spot;
  to: Spot;
}

/** Null when nothing is selected. */
export function ordered(a: Spot, b: Spot): Selected | null {
  if (a.line === b.line && a.column === b.column) return null;
  const isForward = a.line < b.line || (a.line === b.line && a.column <= b.column);
  return isForward ? { from: a, to: b } : { from: b, to: a };
}

/** The selected part of its lines' plain texts. */
export function selectedText(texts: readonly string[], { from, to }: Selected): string {
  if (texts.length === 0) return "";
  const cut = [...texts];
  // The end first: in a single line it counts from the same beginning.
  cut[cut.length - 1] = (cut.at(-1) ?? "").slice(0, to.column);
  cut[0] = (cut[0] ?? "").slice(from.column);
  return cut.join("\n");
}

/** Lines as they are pasted into an issue. */
export function asMarkdown(text: string, label: string, address: string): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), (run) => run[0].length));
  const fence = "`".repeat(longest + 1);
  return `[${label.replace(/[[\]\\]/g, "\\$&")}](${address})\n\n${fence}\n${text}\n${fence}\n`;
}
