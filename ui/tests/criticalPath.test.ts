import { expect, test } from "vitest";
import { criticalPath } from "../src/pure/criticalPath";
import { ms, rowsOf, step } from "./stepsOf";

function path(...steps: Parameters<typeof rowsOf>): number[] {
  const roots = rowsOf(...steps).filter(({ depth }) => depth === 0);
  return [...criticalPath(roots, ms(100))].sort((a, b) => a - b);
}

test("of steps beside each other the last to end decided", () => {
  expect(path(step(0, 0, 10), step(1, 10, 20), step(2, 10, 50), step(3, 50, 60))).toEqual([
    0, 2, 3,
  ]);
});

test("a path goes on into the step that decided", () => {
  const found = path(
    step(0, 0, 10),
    step(1, 0, 50),
    step(2, 0, 20, { parent_index: 1 }),
    step(3, 20, 50, { parent_index: 1 }),
  );
  expect(found).toEqual([1, 2, 3]);
});

test("where nothing ran beside anything there is no path to show", () => {
  expect(path(step(0, 0, 10), step(1, 10, 20))).toEqual([]);
});

test("a step that still runs ends now", () => {
  expect(path(step(0, 0, 90), step(1, 0, null))).toEqual([1]);
});
