/** How far an execution is and how long it still takes: from what the script says, else from what is usual. */

import type { Execution, Usual } from "../live/model";
import { moment } from "./time";

export interface Progress {
  /** 0 to 1, or null where nobody can know. */
  fraction: number | null;
  /** Seconds still to go. */
  left: number | null;
  /** Seconds beyond what nineteen of twenty took. */
  late: number;
  /** How many executions the estimate rests on; null if it is the script's own. */
  basis: number | null;
  step: number;
  /** The usual number of steps, or null. */
  steps: number | null;
}

/** A bar that is full before the end tells a lie. */
const MOST = 0.98;

export function progressOf(execution: Execution, usual: Usual | null, now: number): Progress {
  const startedAt = moment(execution.started_at);
  const seconds = startedAt === null ? 0 : Math.max(0, (now - startedAt) / 1000);
  const said = execution.progress?.value ?? null;
  const duration = usual?.duration ?? null;
  const ownLeft = said !== null && said > 0 ? (seconds * (1 - said)) / said : null;
  const usualLeft = duration ? Math.max(0, duration.p50 - seconds) : null;
  const steps = usual?.step_count ?? null;
  return {
    fraction: said ?? (duration ? Math.min(MOST, seconds / Math.max(duration.p50, 0.001)) : null),
    left: ownLeft ?? usualLeft,
    late: said === null && duration ? Math.max(0, seconds - duration.p95) : 0,
    basis: said === null ? (duration?.count ?? null) : null,
    step: execution.total_steps,
    steps: steps !== null && steps >= execution.total_steps ? steps : null,
  };
}

export type Span = { unit: "seconds" | "minutes" | "hours" | "days"; value: number };

/** A duration as one says it: "about 2 min". */
export function about(seconds: number): Span {
  if (seconds < 55) return { unit: "seconds", value: Math.max(5, Math.ceil(seconds / 5) * 5) };
  if (seconds < 90 * 60) return { unit: "minutes", value: Math.round(seconds / 60) };
  if (seconds < 36 * 3600) return { unit: "hours", value: Math.round(seconds / 360) / 10 };
  return { unit: "days", value: Math.round(seconds / 8640) / 10 };
}
