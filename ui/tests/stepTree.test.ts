import { expect, test } from "vitest";
import type { Step } from "../src/live/model";
import { boundaries, firstFailed, flattened, stepTree } from "../src/pure/stepTree";

function step(index: number, first: number, last: number | null, rest: Partial<Step> = {}): Step {
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
    started_at: null,
    completed_at: null,
    estimated_duration: null,
    stop_on_error: false,
    duration_seconds: null,
    kind: "step",
    parent_index: null,
    reason: null,
    message: null,
    progress: null,
    first_line: first,
    last_line: last,
    ...rest,
  };
}

const nested = [
  step(0, 0, 9),
  step(1, 2, 5, { parent_index: 0 }),
  step(2, 6, 8, { parent_index: 0 }),
  step(3, 12, null),
];

test("children follow their parent, one level deeper", () => {
  const rows = flattened(stepTree(nested));
  expect(rows.map((row) => [row.step.index, row.depth])).toEqual([
    [0, 0],
    [1, 1],
    [2, 1],
    [3, 0],
  ]);
});

test("order does not depend on the order of arrival", () => {
  const rows = flattened(stepTree([...nested].reverse()));
  expect(rows.map((row) => row.step.index)).toEqual([0, 1, 2, 3]);
});

test("a step with an unknown parent, or with itself as one, is a root", () => {
  const rows = stepTree([step(0, 0, 1, { parent_index: 0 }), step(1, 2, 3, { parent_index: 77 })]);
  expect(rows).toHaveLength(2);
});

test("marker lines are the boundaries, and a beginning wins over an end", () => {
  const rows = flattened(stepTree([step(0, 0, 5), step(1, 5, 8)]));
  const found = boundaries(rows);
  expect(found.get(0)).toMatchObject({ kind: "start" });
  expect(found.get(5)).toMatchObject({ kind: "start", step: { index: 1 } });
  expect(found.get(8)).toMatchObject({ kind: "end", step: { index: 1 } });
});

test("the step to blame is the innermost failed one", () => {
  const failed = [
    step(0, 0, 9, { status: "failed" }),
    step(1, 2, 5, { parent_index: 0, status: "failed" }),
  ];
  expect(firstFailed(failed)?.index).toBe(1);
  expect(firstFailed(nested)).toBeUndefined();
});
