import { expect, test } from "vitest";
import type { TrendPoint } from "../src/live/model";
import { bars } from "../src/pure/bars";

const point = (duration_seconds: number | null): TrendPoint =>
  ({ duration_seconds, status: "completed" }) as TrendPoint;

test("the longest is as high as there is room, the shortest still visible", () => {
  expect(bars([point(10), point(5), point(0)], 16).map((bar) => bar.height)).toEqual([16, 8, 2]);
});

test("what still runs makes no other flat", () => {
  const running = { ...point(500), status: "running" } as TrendPoint;
  expect(bars([point(10), running], 16).map((bar) => bar.height)).toEqual([16, 16]);
});

test("what never started has no bar", () => {
  expect(bars([point(null), point(1)], 16)).toHaveLength(1);
  expect(bars([], 16)).toEqual([]);
});
