/** How a state looks: a tone and a shape each, so that colour alone never tells. */

import type { Execution, StepStatus } from "../live/model";
import { words } from "../words/words";

export type Tone = "ok" | "bad" | "accent" | "muted" | "warn" | "odd" | "late";
export type Shape =
  "tick" | "cross" | "ring" | "hollow" | "square" | "slash" | "clock" | "question" | "triangle";

export interface Appearance {
  tone: Tone;
  shape: Shape;
  word: string;
}

const STEPS: Record<StepStatus, [Tone, Shape]> = {
  pending: ["muted", "hollow"],
  running: ["accent", "ring"],
  completed: ["ok", "tick"],
  failed: ["bad", "cross"],
  cancelled: ["odd", "square"],
  skipped: ["muted", "slash"],
  unknown: ["odd", "question"],
};

export function ofStep(status: string): Appearance {
  const known = (status in STEPS ? status : "unknown") as StepStatus;
  const [tone, shape] = STEPS[known];
  return { tone, shape, word: words.stepStatus[known] };
}

/** By the script's own word: its exit code was 0 all the same. */
export function hasIssues({ status, result }: Execution): boolean {
  return status === "completed" && result === "completed_with_issues";
}

export function ofExecution(execution: Execution): Appearance {
  const look = ofStep(execution.status);
  const kind = execution.outcome?.kind;
  if (execution.cancellation && execution.status === "running") {
    return { ...look, tone: "odd", word: words.execution.cancelling };
  }
  if (kind === "timed_out") return { tone: "late", shape: "clock", word: words.outcome.timed_out };
  if (kind === "lost") return { tone: "odd", shape: "question", word: words.outcome.lost };
  if (kind === "could_not_start" || kind === "killed" || kind === "log_limit") {
    return { ...look, word: words.outcome[kind] };
  }
  if (hasIssues(execution)) {
    return { tone: "warn", shape: "triangle", word: words.outcome.with_issues };
  }
  return { ...look, word: words.status[execution.status] };
}
