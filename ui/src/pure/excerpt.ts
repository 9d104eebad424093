/** The part of a matching line that a list of hits has room for. */

import { parseLine, PLAIN, type Span } from "./ansi";
import { shownHits } from "./hits";
import type { Range } from "./pieces";

const BEFORE = 60;
const MOST = 400;

export interface Excerpt {
  spans: Span[];
  hits: Range[];
}

/** The whole line with its colours, or of a long one the text around its first hit. */
export function excerpt(text: string, ranges: readonly (readonly [number, number])[]): Excerpt {
  const { spans } = parseLine(text);
  const hits = shownHits(text, ranges);
  const shown = spans.map((span) => span.text).join("");
  if (shown.length <= MOST) return { spans, hits };
  const from = Math.max(0, (hits[0]?.start ?? 0) - BEFORE);
  const lead = from > 0 ? "…" : "";
  const move = (at: number): number => Math.min(MOST, at - from) + lead.length;
  return {
    spans: [{ text: lead + shown.slice(from, from + MOST), style: PLAIN }],
    hits: hits
      .filter(({ start }) => start < from + MOST)
      .map(({ start, end }) => ({ start: move(start), end: move(end) })),
  };
}
