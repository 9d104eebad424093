/** Where an execution's log opens: at the address's lines, at the first error, at the end, or at the top. */

import type { Annotation, Execution, Step } from "../live/model";
import type { Anchor } from "./cursor";
import { firstFailed, flattened, stepNamed, stepTree } from "./stepTree";

export type Landing =
  | { kind: "start" }
  | { kind: "end" }
  | { kind: "anchor"; anchor: Anchor }
  | { kind: "step"; line: number }
  | { kind: "time"; at: number }
  | { kind: "error"; line: number };

export function landing(
  execution: Execution,
  steps: readonly Step[],
  annotations: readonly Annotation[],
  anchor: Anchor | null,
  query = new URLSearchParams(),
): Landing {
  if (anchor) return { kind: "anchor", anchor };
  const step = stepNamed(flattened(stepTree(steps)), query.get("step") ?? "");
  if (step) return { kind: "step", line: step.first_line };
  const at = Date.parse(query.get("t") ?? "");
  if (!Number.isNaN(at)) return { kind: "time", at };
  if (execution.status === "pending" || execution.status === "running") return { kind: "end" };
  if (execution.status !== "failed") return { kind: "start" };
  const line = errorLine(steps, annotations);
  return line === null ? { kind: "end" } : { kind: "error", line };
}

export function errorLine(
  steps: readonly Step[],
  annotations: readonly Annotation[],
): number | null {
  const error = annotations.find((remark) => isError(remark) && remark.log_line !== null);
  return error?.log_line ?? firstFailed(steps)?.last_line ?? null;
}

export function isError(remark: Annotation): boolean {
  return remark.level === "error" || remark.level === "critical";
}

export function isWarning(remark: Annotation): boolean {
  return remark.level === "warning";
}

/** The lines at which steps failed. */
export function failures(steps: readonly Step[]): number[] {
  return steps.flatMap((step) =>
    step.status === "failed" && step.last_line !== null ? [step.last_line] : [],
  );
}

/** The nearest of some lines before or behind a line. */
export function neighbour(
  lines: readonly number[],
  line: number,
  direction: 1 | -1,
): number | null {
  const found = lines.filter((each) => (direction === 1 ? each > line : each < line));
  if (found.length === 0) return null;
  return found.reduce((a, b) => (direction === 1 ? Math.min(a, b) : Math.max(a, b)));
}
