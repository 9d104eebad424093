import { expect, test } from "vitest";
import { Heights } from "../src/pure/heights";

test("what was not measured is assumed, and the assumption changes only when asked to", () => {
  const heights = new Heights(20);
  expect(heights.keep(7, 60)).toBe(true);
  expect(heights.keep(8, 20)).toBe(false);
  expect([heights.of(7), heights.of(9)]).toEqual([60, 20]);
  expect(heights.settle()).toBe(true);
  expect(heights.of(9)).toBe(40);
  expect(heights.settle()).toBe(false);
});

test("a line that is measured anew has its new height", () => {
  const heights = new Heights(20);
  heights.keep(7, 60);
  expect(heights.keep(7, 40)).toBe(true);
  expect(heights.keep(7, 40)).toBe(false);
  heights.settle();
  expect(heights.assumed).toBe(40);
});

test("the heights of lines seen long ago are forgotten", () => {
  const heights = new Heights(20);
  for (let line = 0; line <= 20_000; line += 1) heights.keep(line, 40);
  expect([heights.of(0), heights.of(20_000)]).toEqual([20, 40]);
});
