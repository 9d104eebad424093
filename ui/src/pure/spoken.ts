/** What is read aloud: no more of it than somebody can listen to. */

import { plainText } from "./ansi";
import { markerOf } from "./marker";

const MOST_TEXTS = 5;
const MOST_LINES = 3;
const MOST_LETTERS = 160;

/** Texts that came at once as one, the last of them whole; `left` says how many came before. */
export function gathered(texts: readonly string[], left: (count: number) => string): string {
  const told = texts.slice(-MOST_TEXTS);
  const missed = texts.length - told.length;
  return (missed > 0 ? [left(missed), ...told] : told).join(". ");
}

/** The last of some lines, without markers, which are told of as what they mean; how many came in
 * all is said by `left` where not all are read. */
export function spokenLines(
  raw: readonly string[],
  count: number,
  left: (count: number) => string,
): string[] {
  const lines = raw
    .filter((text) => markerOf(text) === null)
    .map((text) => plainText(text).trim())
    .filter((text) => text !== "");
  const told = lines.slice(-MOST_LINES).map(shortened);
  const isAll = count === raw.length && told.length === lines.length;
  return isAll || told.length === 0 ? told : [left(count), ...told];
}

function shortened(text: string): string {
  return text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text;
}
