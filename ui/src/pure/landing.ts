/** Where an execution's log opens: at the address's lines, at the first error, at the end, or at the top. */

import type { Annotation, Execution, Step } from "../live/model";
import type { Anchor } from "./cursor";
import { firstFailed } from "./stepTree";

export type Landing =
  | { kind: "start" }
  | { kind: "end" }
  | { kind: "anchor"; anchor: Anchor }
  | { kind: "error"; line: number };

export function landing(
  execution: Execution,
  steps: readonly Step[],
  annotations: readonly Annotation[],
  anchor: Anchor | null,
): Landing {
  if (anchor) return { kind: "anchor", anchor };
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
