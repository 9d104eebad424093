import { expect, test } from "vitest";
import { ChosenRows } from "../src/pure/rowMap";

const rows = new ChosenRows([3, 8, 1000]);

test("a chosen line has a row, and every other line the row before it", () => {
  expect(rows.rowCount()).toBe(3);
  expect([0, 1, 2].map((row) => rows.lineAt(row))).toEqual([3, 8, 1000]);
  expect([3, 8, 999, 1000, 5000].map((line) => rows.rowOf(line))).toEqual([0, 1, 1, 2, 2]);
  expect(rows.rowOf(0)).toBe(0);
});

test("rows are fetched line by line", () => {
  expect(rows.lines(1, 3)).toEqual([
    { first: 8, end: 9 },
    { first: 1000, end: 1001 },
  ]);
});
