/** Places in a transcript: the server's cursor (line and byte) and the page's anchor (`#L120-L180`).
 * Lines count from 0 on the wire and from 1 on the page; only this file converts. */

export interface Cursor {
  line: number;
  byte: number;
}

export const START: Cursor = { line: 0, byte: 0 };

export function parseCursor(text: string): Cursor {
  const match = /^(\d+)(?::(\d+))?$/.exec(text);
  if (!match) throw new RangeError(`not a cursor: ${text}`);
  return { line: Number(match[1]), byte: Number(match[2] ?? 0) };
}

export function formatCursor(cursor: Cursor): string {
  return `${cursor.line}:${cursor.byte}`;
}

export function isSameCursor(a: Cursor, b: Cursor): boolean {
  return a.line === b.line && a.byte === b.byte;
}

export function isBefore(a: Cursor, b: Cursor): boolean {
  return a.line < b.line || (a.line === b.line && a.byte < b.byte);
}

/** Lines that an address names, both included, counted from 0. */
export interface Anchor {
  first: number;
  last: number;
}

export function parseAnchor(hash: string): Anchor | null {
  const match = /^#?L(\d{1,15})(?:-L?(\d{1,15}))?$/.exec(hash);
  if (!match) return null;
  const one = Number(match[1]) - 1;
  const other = match[2] === undefined ? one : Number(match[2]) - 1;
  if (one < 0 || other < 0) return null;
  return { first: Math.min(one, other), last: Math.max(one, other) };
}

export function formatAnchor(anchor: Anchor): string {
  const first = `#L${anchor.first + 1}`;
  return anchor.last === anchor.first ? first : `${first}-L${anchor.last + 1}`;
}
