import { expect, test } from "vitest";
import { rowWindow } from "../src/pure/rowWindow";

test.each([
  [-200, 0],
  [0, 0],
  [44 * 100, 88],
  [44 * 9_999_999, 9_999],
])("scrolled by %d the first mounted row is %d", (top, first) => {
  expect(rowWindow(top, 880, 44, 10_000).first).toBe(first);
});

test("the mounted rows cover the view and stay few", () => {
  const { first, last } = rowWindow(44 * 5_000, 44 * 20, 44, 10_000);
  expect([first, last]).toEqual([4_988, 5_032]);
  expect(rowWindow(0, 44 * 5_000, 44, 10_000).last).toBe(300);
});

test("a short table is mounted whole", () => {
  expect(rowWindow(0, 880, 44, 3)).toEqual({ first: 0, last: 3 });
  expect(rowWindow(0, 880, 44, 0)).toEqual({ first: 0, last: 0 });
});
