/** Lines that tell nothing new: the same line again and again, and the frames of a stack trace. Their first line
 * stays; of a trace that is the line above the frames. */

import { plainText } from "./ansi";

export interface Repeat {
  /** First and last of the lines that are folded; the line before them is shown. */
  first: number;
  last: number;
  kind: "same" | "frames";
}

const FEWEST = 4;
/** Java, JavaScript, .NET, Python with its line of code, Go, Rust. */
const FRAME =
  /^(?:\s+at\s+\S|\s*File ".+", line \d+|\t\S+\.go:\d+|\s+\d+:\s+0x[\da-f]+|\s*\.\.\. \d+ more)/;
const CODE = /^\s{4,}\S/;

/** What can be folded of some neighbouring lines, the first of which has the number `from`. */
export function repeats(lines: readonly string[], from: number): Repeat[] {
  const found: Repeat[] = [];
  for (let at = 0; at < lines.length;) {
    const same = sameFrom(lines, at);
    const frames = same > 1 ? 0 : framesFrom(lines, at + 1);
    if (same >= FEWEST) {
      found.push({ first: from + at + 1, last: from + at + same - 1, kind: "same" });
    } else if (frames >= FEWEST) {
      found.push({ first: from + at + 1, last: from + at + frames, kind: "frames" });
    }
    at += Math.max(same, frames >= FEWEST ? frames + 1 : 1);
  }
  return found;
}

function sameFrom(lines: readonly string[], at: number): number {
  const line = lines[at] ?? "";
  let count = 1;
  while (at + count < lines.length && lines[at + count] === line) count += 1;
  // Blank lines are the shape of a text, not a repetition.
  return count >= FEWEST && plainText(line).trim() === "" ? 1 : count;
}

function framesFrom(lines: readonly string[], from: number): number {
  let at = from;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (!FRAME.test(line)) break;
    at += 1;
    const isPython = /^\s*File "/.test(line);
    while (isPython && at < lines.length && CODE.test(lines[at] ?? "")) at += 1;
  }
  return at - from;
}
