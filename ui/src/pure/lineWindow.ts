/** The lines that are in memory: pages of neighbouring lines around what is looked at, never all of them.
 * A page may be filled from its beginning only in part: the log grows, and answers have a size limit. */

import { PLAIN, parseLine, type Style } from "./ansi";
import { repeats, type Repeat } from "./repeats";

export interface Line {
  number: number;
  text: string;
  /** Unix milliseconds of its arrival. */
  at: number | null;
  lengthBytes: number;
  isClipped: boolean;
  /** A clipped line that is redrawn shows its last states; its beginning is left out. */
  showsEnd: boolean;
  /** Its newline has not come yet. */
  isPartial: boolean;
  /** The style that earlier lines left switched on. */
  start: Style;
}

export type NewLine = Omit<Line, "start">;

interface Page {
  lines: (Line | undefined)[];
  size: number;
  /** Null until it is asked for: a page that is written anew may repeat otherwise. */
  repeats: Repeat[] | null;
}

export const PAGE_LINES = 250;
const MAX_SIZE = 12_000_000;
const LINE_COST = 120;
const MAX_PARTIAL = 32_768;

export class LineWindow {
  readonly #pages = new Map<number, Page>();
  readonly #maxSize: number;
  #size = 0;

  constructor(maxSize = MAX_SIZE) {
    this.#maxSize = maxSize;
  }

  get size(): number {
    return this.#size;
  }

  line(number: number): Line | undefined {
    return this.#pages.get(pageOf(number))?.lines[number % PAGE_LINES];
  }

  /** Keep lines; those of a page that is looked at are the last to be forgotten. */
  put(lines: readonly NewLine[]): void {
    for (const line of lines) this.#put(line);
    this.#forget();
  }

  /** More of an unfinished line has come. False when its beginning is not here. */
  extend(number: number, text: string, lengthBytes: number, isPartial: boolean): boolean {
    const line = this.line(number);
    if (!line?.isPartial) return false;
    const { kept, isClipped } = shortened(line.text + text, line.isClipped);
    this.#put({
      ...line,
      text: kept,
      lengthBytes: line.lengthBytes + lengthBytes,
      isClipped,
      isPartial,
    });
    return true;
  }

  /** Forget a line whose text is not certain any more. */
  drop(number: number): void {
    const page = this.#pages.get(pageOf(number));
    const line = page?.lines[number % PAGE_LINES];
    if (!page || !line) return;
    page.lines[number % PAGE_LINES] = undefined;
    this.#resize(page, -cost(line));
  }

  /** Mark pages as looked at, and name the first line that is missing between `first` and `end`. */
  missing(first: number, end: number): number | null {
    let found: number | null = null;
    for (let page = pageOf(first); page * PAGE_LINES < end; page += 1) this.#touch(page);
    for (let number = first; number < end && found === null; number += 1) {
      if (!this.line(number)) found = number;
    }
    return found;
  }

  /** The first line between `first` and `end` whose last state lies in the part that was clipped. */
  withoutEnd(first: number, end: number): Line | null {
    for (let number = first; number < end; number += 1) {
      const line = this.line(number);
      if (line?.isClipped && !line.isPartial && !line.showsEnd && line.text.includes("\r")) {
        return line;
      }
    }
    return null;
  }

  /** What repeats in the pages that are here whole; a fold never reaches into the next page. */
  repeats(lineCount: number): Repeat[] {
    return [...this.#pages].flatMap(([index, page]) => {
      const first = index * PAGE_LINES;
      const size = Math.min(PAGE_LINES, lineCount - first);
      if (page.lines.length < size || page.lines.includes(undefined)) return [];
      page.repeats ??= repeats(
        page.lines.slice(0, size).map((line) => line?.text ?? ""),
        first,
      );
      return page.repeats;
    });
  }

  #put(line: NewLine): void {
    const index = pageOf(line.number);
    let page = this.#pages.get(index);
    if (!page) {
      page = { lines: [], size: 0, repeats: null };
      this.#pages.set(index, page);
    }
    const slot = line.number % PAGE_LINES;
    const old = page.lines[slot];
    const kept: Line = { ...line, start: this.#styleBefore(line.number) };
    page.lines[slot] = kept;
    page.repeats = null;
    this.#resize(page, cost(kept) - (old ? cost(old) : 0));
  }

  #styleBefore(number: number): Style {
    const before = number > 0 ? this.line(number - 1) : undefined;
    return before ? styleBehind(before) : PLAIN;
  }

  #resize(page: Page, by: number): void {
    page.size += by;
    this.#size += by;
  }

  #touch(index: number): void {
    const page = this.#pages.get(index);
    if (!page) return;
    this.#pages.delete(index);
    this.#pages.set(index, page);
  }

  #forget(): void {
    for (const [index, page] of this.#pages) {
      if (this.#size <= this.#maxSize || this.#pages.size <= 3) return;
      this.#pages.delete(index);
      this.#size -= page.size;
    }
  }
}

export function pageOf(number: number): number {
  return Math.floor(number / PAGE_LINES);
}

/** Most lines end with a reset, which is seen without reading them. */
function styleBehind(line: Line): Style {
  const last = line.text.lastIndexOf("\u001b[");
  if (last < 0) return line.start;
  const isReset = /^(?:0?m)/.test(line.text.slice(last + 2, last + 4));
  return isReset ? PLAIN : parseLine(line.text, line.start).end;
}

function cost(line: Line): number {
  return line.text.length * 2 + LINE_COST;
}

/** An unfinished line may grow without end: of a redrawn one the last states are kept, else the beginning. */
function shortened(text: string, wasClipped: boolean): { kept: string; isClipped: boolean } {
  if (text.length <= MAX_PARTIAL) return { kept: text, isClipped: wasClipped };
  const tail = text.slice(-MAX_PARTIAL / 2);
  const redraw = tail.indexOf("\r");
  if (redraw >= 0) return { kept: tail.slice(redraw + 1), isClipped: true };
  return { kept: text.slice(0, MAX_PARTIAL), isClipped: true };
}
