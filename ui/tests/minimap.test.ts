import { expect, test } from "vitest";
import { box, pixels, rowAt } from "../src/pure/minimap";

test("every marked row has its pixel, and a pixel is drawn once", () => {
  expect(pixels([0, 1, 2, 99_999_999], 100_000_000, 500)).toEqual([0, 499]);
  expect(pixels([10, 20], 40, 400)).toEqual([100, 200]);
  expect(pixels([1], 0, 400)).toEqual([]);
});

test("the box spans what is in view, from edge to edge", () => {
  expect(box(0, 50, 100, 400)).toEqual({ top: 0, height: 200 });
  expect(box(50, 100, 100, 400)).toEqual({ top: 200, height: 200 });
  expect(box(0, 30, 20, 400)).toEqual({ top: 0, height: 400 });
  expect(box(0, 0, 0, 400)).toEqual({ top: 0, height: 400 });
});

test("the box of a huge log can still be held, and reaches both ends", () => {
  expect(box(0, 40, 1e8, 400)).toEqual({ top: 0, height: 12 });
  expect(box(1e8 - 40, 1e8, 1e8, 400)).toEqual({ top: 388, height: 12 });
});

test("where the box is pulled is where it is drawn", () => {
  expect(rowAt(0, 40, 1e8, 400)).toBe(0);
  expect(rowAt(400, 40, 1e8, 400)).toBe(1e8 - 40);
  const row = rowAt(123, 40, 1e8, 400);
  const { top, height } = box(row, row + 40, 1e8, 400);
  expect(top + height / 2).toBeCloseTo(123);
});
