/** Steps for tests: only what a test is about is named. */

import type { Step } from "../src/live/model";
import { flattened, stepTree, type StepNode } from "../src/pure/stepTree";

const NOON = Date.UTC(2026, 2, 1, 12);

export function at(seconds: number): string {
  return new Date(NOON + seconds * 1000).toISOString();
}

export function ms(seconds: number): number {
  return NOON + seconds * 1000;
}

/** A step that ran from one second to another; null is open. */
export function step(
  index: number,
  start: number,
  end: number | null,
  rest: Partial<Step> = {},
): Step {
  return {
    id: `s${index}`,
    metadata: {},
    execution_id: "e",
    index,
    name: `step ${index}`,
    description: null,
    status: "completed",
    exit_code: null,
    error_message: null,
    started_at: at(start),
    completed_at: end === null ? null : at(end),
    estimated_duration: null,
    stop_on_error: false,
    duration_seconds: null,
    kind: "step",
    parent_index: null,
    reason: null,
    message: null,
    progress: null,
    first_line: index * 10,
    last_line: index * 10 + 9,
    ...rest,
  };
}

export function rowsOf(...steps: Step[]): StepNode[] {
  return flattened(stepTree(steps));
}
