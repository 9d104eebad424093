/** One execution's output by line number. Lines that are looked at are fetched by REST and kept in a bounded
 * window; the socket brings the newest. `cursor` is where the socket goes on after a reconnection. */

import { formatCursor, isSameCursor, parseCursor, START, type Cursor } from "../pure/cursor";
import type { Repeat } from "../pure/repeats";
import { LineWindow, PAGE_LINES, type Line, type NewLine } from "../pure/lineWindow";
import type { Lines } from "../pure/rowMap";
import { moment } from "../pure/time";
import { api } from "./api";
import type { LogLines, LogMessage, WireLine } from "./model";

export const MAX_LINE_BYTES = 4096;
const RETRY_MS = 500;
/** A page in the background gets no frames; it takes its news now and then, before they pile up. */
const HIDDEN_MS = 250;
const RATE_MS = 3000;
const MAX_WAITING = 50;
/** Of a frame's 16 ms, so much may go into keeping lines; the rest of them waits for the next frame. */
const FRAME_MS = 6;
/** Of what came since the last frame so many lines may be looked at; those before are fetched if they are. */
const NEWEST_LINES = 4 * PAGE_LINES;
/** Nobody reads a flood of lines: fewer frames show as much. */
const FLOOD_LINES = 200;
const FLOOD_MS = 80;

export class Transcript {
  lineCount = $state(0);
  sizeBytes = $state(0);
  /** The writer has closed: what is here is all there is. */
  isComplete = $state(false);
  isOpened = $state(false);
  /** Changes with every change of the lines; whoever draws reads it. */
  version = $state(0);
  lastLineAt: number | null = $state(null);
  /** More lines come at once than any screen shows. */
  isFlood = $state(false);
  readonly #window = new LineWindow();
  readonly #id: string;
  #cursor: Cursor = START;
  #wanted: readonly Lines[] = [];
  #waiting: LogMessage[] = [];
  #isScheduled = false;
  #isFetching = false;
  #isClosed = false;
  /** How many lines there were at moments of the last seconds. */
  #counts: { at: number; lineCount: number }[] = [];

  constructor(executionId: string) {
    this.#id = executionId;
  }

  get cursor(): string {
    this.#take(Infinity);
    return formatCursor(this.#cursor);
  }

  line(number: number): Line | undefined {
    return this.#window.line(number);
  }

  /** What repeats in the lines that are here. */
  repeats(): Repeat[] {
    void this.version;
    return this.#window.repeats(this.lineCount);
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Learn how long the log is, and where the news begins. Gapless: the newest lines come with the cursor. */
  async open(): Promise<void> {
    // A log that has ended opens at its beginning, unless something failed: one way to the server, not two.
    const [answer, beginning] = await Promise.all([
      api.lastLines(this.#id, PAGE_LINES, MAX_LINE_BYTES),
      api.lines(this.#id, "0:0", PAGE_LINES, MAX_LINE_BYTES),
    ]);
    this.#keep(beginning);
    this.#keep(answer);
    this.#cursor = parseCursor(answer.next);
    this.isOpened = true;
  }

  /** After a reconnection: how long the log is now. Its lines come by the socket or when they are looked at. */
  async catchUp(): Promise<void> {
    if (!this.isOpened) return await this.open();
    this.#keep(await api.lastLines(this.#id, 1, MAX_LINE_BYTES));
  }

  /** Ask for ranges of lines; they come later, and `version` changes. */
  want(ranges: readonly Lines[]): void {
    this.#wanted = ranges;
    void this.#fetch();
  }

  /** News are shown once a frame, however many messages come. */
  accept(message: LogMessage): void {
    this.#waiting.push(message);
    if (this.#waiting.length > MAX_WAITING) this.#take(Infinity);
    else this.#schedule();
  }

  /** Of the last seconds. */
  linesPerSecond(): number {
    const since = performance.now() - RATE_MS;
    this.#counts = this.#counts.filter(({ at }, index, all) => at >= since || !all[index + 1]);
    const [oldest] = this.#counts;
    if (!oldest) return 0;
    const seconds = Math.max(1, (performance.now() - oldest.at) / 1000);
    return Math.round((this.lineCount - oldest.lineCount) / seconds);
  }

  complete(lineCount: number, sizeBytes: number): void {
    this.#take(Infinity);
    this.#extent(lineCount, sizeBytes);
    this.isComplete = true;
    this.isFlood = false;
    this.version += 1;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const flush = (): void => {
      this.#isScheduled = false;
      this.#take(FRAME_MS);
    };
    if (document.hidden) window.setTimeout(flush, HIDDEN_MS);
    else if (this.isFlood) window.setTimeout(() => requestAnimationFrame(flush), FLOOD_MS);
    else requestAnimationFrame(flush);
  }

  #take(forMs: number): void {
    if (this.#waiting.length === 0) return;
    const since = performance.now();
    const before = this.lineCount;
    const newest = firstOfNewest(this.#waiting);
    let taken = 0;
    for (const message of this.#waiting) {
      if (taken > newest && performance.now() - since > forMs) break;
      if (taken < newest) this.#passOver(message);
      else this.#keepNews(message);
      taken += 1;
    }
    this.#waiting.splice(0, taken);
    this.isFlood = this.lineCount - before > FLOOD_LINES;
    if (since - (this.#counts.at(-1)?.at ?? 0) > RATE_MS / 10)
      this.#counts.push({ at: since, lineCount: this.lineCount });
    this.version += 1;
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** Its lines are far behind the end before a frame could show them. */
  #passOver(message: LogMessage): void {
    this.#extent(message.line_count, message.size_bytes);
    this.#window.drop(this.#cursor.line);
    this.lastLineAt = message.lines.at(-1)?.[1] ?? this.lastLineAt;
    this.#cursor = parseCursor(message.cursor);
  }

  #keepNews(message: LogMessage): void {
    const from = { line: message.first_line, byte: message.first_byte };
    this.#extent(message.line_count, message.size_bytes);
    const goesOn = isSameCursor(from, this.#cursor);
    if (message.lagged || !goesOn) this.#window.drop(this.#cursor.line);
    if (!message.lagged) this.#append(message, goesOn);
    this.#cursor = parseCursor(message.cursor);
  }

  #append(message: LogMessage, goesOn: boolean): void {
    const fresh: NewLine[] = [];
    message.lines.forEach(([text, at], index) => {
      const number = message.first_line + index;
      const isPartial = message.partial && index === message.lines.length - 1;
      const lengthBytes = utf8Length(text);
      if (at !== null) this.lastLineAt = at;
      if (index === 0 && message.first_byte > 0) {
        // The rest of a line whose beginning came before; without it the line is fetched when it is seen.
        if (!goesOn || !this.#window.extend(number, text, lengthBytes, isPartial))
          this.#window.drop(number);
      } else
        fresh.push({ number, text, at, lengthBytes, isClipped: false, showsEnd: false, isPartial });
    });
    this.#window.put(fresh.slice(-NEWEST_LINES));
  }

  async #fetch(): Promise<void> {
    if (this.#isFetching) return;
    this.#isFetching = true;
    try {
      for (;;) {
        const missing = this.#firstWanted((first, end) => this.#window.missing(first, end));
        if (this.#isClosed) return;
        if (missing !== null) await this.#fetchFrom(missing);
        else {
          const line = this.#firstWanted((first, end) => this.#window.withoutEnd(first, end));
          if (line === null) return;
          await this.#fetchEnd(line);
        }
      }
    } finally {
      this.#isFetching = false;
    }
  }

  #firstWanted<T>(find: (first: number, end: number) => T | null): T | null {
    let found: T | null = null;
    for (const { first, end } of this.#wanted) {
      found ??= find(first, Math.min(end, this.lineCount));
    }
    return found;
  }

  async #fetchFrom(line: number): Promise<void> {
    try {
      const answer = await api.lines(this.#id, `${line}:0`, PAGE_LINES, MAX_LINE_BYTES);
      if (this.#keep(answer)) return;
    } catch {
      // The connection state already says that the server is away; what is seen is asked for until it is back.
    }
    await new Promise((resolve) => window.setTimeout(resolve, RETRY_MS));
  }

  async #fetchEnd(line: Line): Promise<void> {
    const from = Math.max(0, line.lengthBytes - MAX_LINE_BYTES / 2);
    let text = line.text;
    try {
      const answer = await api.lines(this.#id, `${line.number}:${from}`, 1, MAX_LINE_BYTES);
      const end = answer.lines[0]?.text ?? "";
      text = end.slice(end.indexOf("\r") + 1);
    } catch {
      // As with lines: the connection state says it. The beginning stays until the line is fetched anew.
    }
    this.#window.put([{ ...line, text, showsEnd: true }]);
    this.version += 1;
  }

  #keep(answer: LogLines): boolean {
    const lines = answer.lines.map(fromWire);
    const last = lines.at(-1);
    const next = parseCursor(answer.next);
    // The place behind the answer lies inside the last line: its newline has not come yet.
    if (last && last.number === answer.line_count - 1) {
      last.isPartial = !answer.is_complete && (next.line === last.number || last.isClipped);
    }
    if (this.isOpened && last?.isPartial && isBehind(next, this.#cursor)) lines.pop();
    this.#window.put(lines);
    this.#extent(answer.line_count, answer.size_bytes);
    if (answer.is_complete) this.isComplete = true;
    if (last?.at) this.lastLineAt = Math.max(this.lastLineAt ?? 0, last.at);
    this.version += 1;
    return lines.length > 0;
  }

  #extent(lineCount: number, sizeBytes: number): void {
    this.lineCount = Math.max(this.lineCount, lineCount);
    this.sizeBytes = Math.max(this.sizeBytes, sizeBytes);
  }
}

/** An unfinished line that was read ahead of the socket would get its rest twice. */
function isBehind(read: Cursor, cursor: Cursor): boolean {
  return read.line === cursor.line && read.byte !== cursor.byte;
}

/** The first of the last messages that have the newest lines. */
function firstOfNewest(messages: readonly LogMessage[]): number {
  let lines = 0;
  const first = messages.findLastIndex(
    (message) => (lines += message.lines.length) >= NEWEST_LINES,
  );
  return Math.max(0, first);
}

function fromWire(line: WireLine): NewLine {
  return {
    number: line.line,
    text: line.text,
    at: moment(line.at),
    lengthBytes: line.length,
    isClipped: line.clipped,
    showsEnd: false,
    isPartial: false,
  };
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  // ASCII, the usual case, is counted without a copy.
  return /^[\u0000-\u007f]*$/.test(text) ? text.length : encoder.encode(text).length;
}
