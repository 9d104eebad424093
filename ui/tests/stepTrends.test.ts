import { expect, test } from "vitest";
import type { TrendPoint } from "../src/live/model";
import { median, stepTrends } from "../src/pure/stepTrends";

const point = (...steps: [string, number | null][]): TrendPoint =>
  ({
    steps: steps.map(([name, duration_seconds]) => ({ path: name.split("/"), duration_seconds })),
  }) as TrendPoint;

test("each path is a row with a place for every execution", () => {
  const rows = stepTrends([point(["build", 2]), point(["build", 4], ["build/test", null])]);
  expect(rows).toEqual([
    { path: ["build"], seconds: [2, 4], last: 4, median: 2 },
    { path: ["build", "test"], seconds: [null, null], last: null, median: null },
  ]);
});

test("a step that is repeated counts as one", () => {
  expect(stepTrends([point(["try", 1], ["try", 2])])[0]?.seconds).toEqual([3]);
});

test("the median is a value that occurred", () => {
  expect([median([]), median([3]), median([9, 1]), median([5, 1, 9])]).toEqual([null, 3, 1, 5]);
});
