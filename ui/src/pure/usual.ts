/** What steps usually take. A step is known by its path, the names from the outermost step to it. */

import type { Usual, UsualDuration } from "../live/model";
import type { StepNode } from "./stepTree";

export type UsualSteps = ReadonlyMap<number, UsualDuration>;

/** The usual duration of each step by its index; rows come parents first. */
export function usualSteps(rows: readonly StepNode[], usual: Usual | null): UsualSteps {
  const found = new Map<number, UsualDuration>();
  if (!usual) return found;
  const known = new Map(usual.steps.map((each) => [key(each.path), each.duration]));
  const path: string[] = [];
  for (const { step, depth } of rows) {
    path.length = depth;
    path.push(step.name);
    const duration = known.get(key(path));
    if (duration) found.set(step.index, duration);
  }
  return found;
}

function key(path: readonly string[]): string {
  return path.join("\u0000");
}

export interface Bar {
  /** Shares of the bar's width. */
  done: number;
  tick: number;
  isLate: boolean;
}

/** A small bar: how far a step is, and the tick of what is usual. */
export function durationBar(seconds: number, usual: UsualDuration): Bar {
  const whole = Math.max(seconds, usual.p95, 0.001);
  return {
    done: seconds / whole,
    tick: usual.p50 / whole,
    // A tenth of a second more is no news.
    isLate: seconds > usual.p95 * 1.1 && seconds - usual.p95 > 1,
  };
}
