import { expect, test } from "vitest";
import { panned, TimeScale, zoomed } from "../src/pure/timeScale";

const HOUR = 3_600_000;

test("without idle time the axis is time", () => {
  const scale = new TimeScale(1000, 61_000, [{ start: 1000, end: 61_000 }]);
  expect(scale.length).toBe(60_000);
  expect(scale.place(31_000)).toBe(30_000);
  expect(scale.gaps).toEqual([]);
});

test("an idle gap takes a small part of the axis, a short one its time", () => {
  const scale = new TimeScale(0, 3 * HOUR, [
    { start: 0, end: 50_000 },
    { start: 60_000, end: 100_000 },
    { start: 2 * HOUR + 100_000, end: 3 * HOUR },
  ]);
  expect(scale.gaps).toHaveLength(1);
  expect(scale.gaps[0]).toMatchObject({ start: 100_000, end: 2 * HOUR + 100_000 });
  expect(scale.length).toBeCloseTo(HOUR * 1.03, 5);
});

test("places and times are each other's inverse, in gaps too", () => {
  const scale = new TimeScale(0, 400_000, [
    { start: 0, end: 10_000 },
    { start: 100_000, end: 120_000 },
    { start: 300_000, end: 400_000 },
  ]);
  for (let time = 0; time <= 400_000; time += 3_700)
    expect(scale.at(scale.place(time))).toBeCloseTo(time, 3);
});

test("ticks are round, apart, and in no gap", () => {
  const scale = new TimeScale(0, 400_000, [
    { start: 0, end: 100_000 },
    { start: 300_000, end: 400_000 },
  ]);
  const ticks = scale.ticks(0, scale.length, 20_000);
  expect(ticks.every((tick) => tick % 30_000 === 0)).toBe(true);
  expect(ticks.filter((tick) => tick > 100_000 && tick < 300_000)).toEqual([]);
  expect(ticks[0]).toBe(0);
  expect(ticks.at(-1)).toBe(390_000);
});

test("a zoom keeps the place under the pointer and ends at the ends", () => {
  const half = zoomed({ from: 0, to: 100 }, 100, 25, 0.5, 1);
  expect(half).toEqual({ from: 12.5, to: 62.5 });
  expect(zoomed(half, 100, 25, 10, 1)).toEqual({ from: 0, to: 100 });
  expect(zoomed({ from: 0, to: 2 }, 100, 1, 0.1, 1)).toEqual({ from: 0.5, to: 1.5 });
  expect(panned(half, 100, 1000)).toEqual({ from: 50, to: 100 });
});
