/** The time beside a line, in the mode that was chosen. */

import { clock, elapsed } from "./time";

export type LineTimeMode = "off" | "clock" | "elapsed" | "step" | "delta";

export interface LineTime {
  text: string;
  /** How long the line before it kept waiting: 0 up to a second, 1 from a quarter of an hour on. */
  heat: number;
}

/** Moments in Unix milliseconds; what is not known is null. */
export interface Moments {
  at: number | null;
  startedAt: number | null;
  stepStartedAt: number | null;
  previousAt: number | null;
}

const NOTHING: LineTime = { text: "", heat: 0 };
const HOTTEST_SECONDS = 900;

export function lineTime(mode: LineTimeMode, moments: Moments): LineTime {
  const { at, startedAt, stepStartedAt, previousAt } = moments;
  if (at === null) return NOTHING;
  switch (mode) {
    case "off":
      return NOTHING;
    case "clock":
      return { text: clock(at), heat: 0 };
    case "elapsed":
      return startedAt === null ? NOTHING : { text: elapsed(at - startedAt), heat: 0 };
    case "step": {
      const since = stepStartedAt ?? startedAt;
      return since === null ? NOTHING : { text: elapsed(at - since), heat: 0 };
    }
    case "delta": {
      if (previousAt === null) return NOTHING;
      const seconds = Math.max(0, at - previousAt) / 1000;
      const heat = seconds <= 1 ? 0 : Math.log(seconds) / Math.log(HOTTEST_SECONDS);
      return { text: `+${seconds.toFixed(3)}`, heat: Math.min(1, heat) };
    }
  }
}
