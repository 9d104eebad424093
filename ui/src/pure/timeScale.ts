/** A time axis on which idle gaps take little room. `at` is Unix milliseconds; a place on the axis is counted in
 * milliseconds without the gaps, so zooming and drawing know nothing of them. */

export interface Stretch {
  start: number;
  end: number;
}

export interface Gap extends Stretch {
  /** Where it begins on the axis, and what it takes there. */
  place: number;
  width: number;
}

export const LEAST_GAP_MS = 30_000;
/** What a gap takes, of the time in which something ran. */
const GAP_SHARE = 0.03;

export class TimeScale {
  readonly gaps: readonly Gap[];
  readonly length: number;
  readonly #start: number;
  readonly #end: number;

  /** `busy` are the times in which something ran, in any order. */
  constructor(start: number, end: number, busy: readonly Stretch[]) {
    this.#start = start;
    this.#end = Math.max(end, start + 1);
    const idle = between(start, this.#end, busy).filter(
      (gap) => gap.end - gap.start > LEAST_GAP_MS,
    );
    const taken = idle.reduce((sum, gap) => sum + gap.end - gap.start, 0);
    const width = Math.max(1, (this.#end - start - taken) * GAP_SHARE);
    let saved = 0;
    this.gaps = idle.map((gap) => {
      const place = gap.start - start - saved;
      saved += gap.end - gap.start - width;
      return { ...gap, place, width };
    });
    this.length = this.#end - start - saved;
  }

  place(at: number): number {
    let saved = 0;
    for (const gap of this.gaps) {
      if (at <= gap.start) break;
      const inside = Math.min(at, gap.end) - gap.start;
      saved += inside - (inside / (gap.end - gap.start)) * gap.width;
    }
    return at - this.#start - saved;
  }

  at(place: number): number {
    let at = this.#start + place;
    for (const gap of this.gaps) {
      if (place <= gap.place) break;
      const inside = Math.min(1, (place - gap.place) / gap.width);
      at += inside * (gap.end - gap.start - gap.width);
    }
    return at;
  }

  /** Round times within a part of the axis that stand at least `spacing` apart there. */
  ticks(from: number, to: number, spacing: number): number[] {
    const step = ROUND_MS.find((round) => round >= spacing) ?? Math.ceil(spacing / DAY) * DAY;
    const found: number[] = [];
    let last = -Infinity;
    const first = Math.max(0, Math.ceil((this.at(from) - this.#start) / step));
    for (let number = first; found.length < 200; number += 1) {
      const at = this.#start + number * step;
      const place = this.place(at);
      if (place > to || at > this.#end) break;
      const gap = this.gaps.find((each) => at > each.start && at < each.end);
      if (gap) {
        number = Math.floor((gap.end - this.#start) / step);
        continue;
      }
      if (place - last >= spacing * 0.75) {
        found.push(at);
        last = place;
      }
    }
    return found;
  }
}

const DAY = 86_400_000;
const ROUND_MS = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  1e3,
  2e3,
  5e3,
  10e3,
  15e3,
  30e3,
  60e3,
  120e3,
  300e3,
  600e3,
  900e3,
  1800e3,
  3600e3,
  7200e3,
  10800e3,
  21600e3,
  43200e3,
  DAY,
];

function between(start: number, end: number, busy: readonly Stretch[]): Stretch[] {
  const found: Stretch[] = [];
  let at = start;
  for (const each of [...busy].sort((a, b) => a.start - b.start)) {
    if (each.start > at) found.push({ start: at, end: each.start });
    at = Math.max(at, each.end);
  }
  if (at < end) found.push({ start: at, end });
  return found;
}

export interface Window {
  from: number;
  to: number;
}

/** Less or more of the axis, the place under the pointer staying where it is. */
export function zoomed(
  window: Window,
  length: number,
  around: number,
  factor: number,
  least: number,
): Window {
  const width = Math.max(least, Math.min(length, (window.to - window.from) * factor));
  const share = (around - window.from) / (window.to - window.from);
  return within({ from: around - share * width, to: around + (1 - share) * width }, length);
}

export function panned(window: Window, length: number, by: number): Window {
  return within({ from: window.from + by, to: window.to + by }, length);
}

function within(window: Window, length: number): Window {
  const width = Math.min(length, window.to - window.from);
  const from = Math.max(0, Math.min(length - width, window.from));
  return { from, to: from + width };
}
