import { expect, test } from "vitest";
import type { Annotation, Step } from "../src/live/model";
import { foldable, Folds, foldsOver, headsAbove } from "../src/pure/folds";
import { flattened, stepTree } from "../src/pure/stepTree";

function step(
  index: number,
  first_line: number,
  last_line: number | null,
  more: Partial<Step> = {},
): Step {
  return { index, first_line, last_line, parent_index: null, status: "completed", ...more } as Step;
}

// 0..9 before, Build 10..39 with Part 15..24 inside, Test 40..59
const rows = flattened(
  stepTree([step(0, 10, 39), step(1, 15, 24, { parent_index: 0 }), step(2, 40, 59)]),
);

test("without folds a row is its line", () => {
  const folds = new Folds(rows, new Set());
  expect(folds.rowCount(60)).toBe(60);
  expect([folds.lineAt(17), folds.rowOf(17)]).toEqual([17, 17]);
});

test("every row has one line, and a hidden line the row of its head", () => {
  const folds = new Folds(rows, new Set([1, 2]));
  expect(folds.rowCount(60)).toBe(60 - 9 - 19);
  for (let row = 0; row < folds.rowCount(60); row += 1) {
    expect(folds.rowOf(folds.lineAt(row))).toBe(row);
  }
  expect(folds.lineAt(folds.rowOf(20))).toBe(15);
  expect(folds.lineAt(folds.rowOf(59))).toBe(40);
});

test("a fold inside a folded step hides nothing twice", () => {
  const folds = new Folds(rows, new Set([0, 1]));
  expect(folds.rowCount(60)).toBe(60 - 29);
  expect(folds.lineAt(11)).toBe(40);
});

test("the lines of a range of rows are the ranges between the folds", () => {
  const folds = new Folds(rows, new Set([1]));
  expect(folds.lines(14, 18)).toEqual([
    { first: 14, end: 16 },
    { first: 25, end: 27 },
  ]);
});

test("a folded step that still runs hides what it prints", () => {
  const running = flattened(stepTree([step(0, 5, null, { status: "running" })]));
  expect(new Folds(running, new Set([0])).rowCount(1_000_000)).toBe(6);
});

test("a step that lasts into the next one's head does not hide it", () => {
  const touching = flattened(stepTree([step(0, 0, 10), step(1, 10, 20)]));
  const folds = new Folds(touching, new Set([0, 1]));
  expect(folds.rowCount(21)).toBe(2);
  expect(folds.lineAt(1)).toBe(10);
});

test("the steps over a line are those that must open for it", () => {
  expect(foldsOver(rows, new Set([0, 1, 2]), 20)).toEqual([0, 1]);
  expect(foldsOver(rows, new Set([0, 1, 2]), 10)).toEqual([]);
});

test("collapse all leaves trouble and its parents open", () => {
  const failed = flattened(
    stepTree([
      step(0, 0, 9),
      step(1, 1, 3, { parent_index: 0, status: "failed" }),
      step(2, 10, 19),
    ]),
  );
  expect(foldable(failed, [])).toEqual([2]);
  const error = { level: "error", step_index: 2 } as Annotation;
  expect(foldable(failed, [error])).toEqual([]);
});

test("two heads at most stay in view, and never over their own line", () => {
  const same = (row: number): number => row;
  const names = (row: number): number[] => headsAbove(rows, same, row).map((n) => n.step.index);
  expect(names(9)).toEqual([]);
  expect(names(10)).toEqual([]);
  expect(names(11)).toEqual([0]);
  expect(names(18)).toEqual([0, 1]);
  expect(names(30)).toEqual([0]);
});
