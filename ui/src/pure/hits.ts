/** Search hits as the page shows them. The server counts characters of the line as it was printed; escape
 * sequences and the states that a redraw replaced are not on the page. */

import { plainText } from "./ansi";
import type { Range } from "./pieces";

const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/;

export function shownHits(text: string, ranges: readonly (readonly [number, number])[]): Range[] {
  if (!CONTROL.test(text)) return ranges.map(([start, end]) => ({ start, end }));
  const state = text.replace(/\r+$/, "").lastIndexOf("\r") + 1;
  const shown = (at: number): number => plainText(text.slice(state, at)).length;
  return ranges
    .filter(([start]) => start >= state)
    .map(([start, end]) => ({ start: shown(start), end: shown(end) }))
    .filter(({ start, end }) => start < end);
}
