import { describe, expect, test } from "vitest";
import {
  contentTopOf,
  endOf,
  isAtEnd,
  MOST_MOUNTED,
  mounted,
  offsetOf,
  pointedAt,
  topFor,
  type Rows,
} from "../src/pure/place";
import { maxContentTop } from "../src/pure/scroll";

const even: Rows = { count: 1000, height: () => 20 };
/** Every tenth row is a wrapped line. */
const uneven: Rows = { count: 1000, height: (row) => (row % 10 === 0 ? 200 : 20) };
const VIEW = 600;

describe.each([
  ["even", even],
  ["uneven", uneven],
])("%s rows", (_, rows) => {
  test("a row lies where it was asked for", () => {
    for (const y of [0, 33, 160, 599, -45]) {
      expect(offsetOf(rows, topFor(rows, 500, y, VIEW), 500)).toBeCloseTo(y);
    }
  });

  test("the view never goes beyond the first or the last row", () => {
    expect(topFor(rows, 3, 400, VIEW)).toEqual({ row: 0, within: 0 });
    expect(topFor(rows, 998, 0, VIEW)).toEqual(endOf(rows, VIEW));
  });

  test("the end shows the last row whole", () => {
    const end = endOf(rows, VIEW);
    expect(offsetOf(rows, end, 999) + rows.height(999)).toBe(VIEW);
    expect(isAtEnd(rows, end, VIEW)).toBe(true);
    expect(isAtEnd(rows, topFor(rows, end.row, 30, VIEW), VIEW)).toBe(false);
  });

  test("the mounted rows fill the view, with some around it", () => {
    const top = topFor(rows, 500, 10, VIEW);
    const { first, end, above } = mounted(rows, top, VIEW, 24);
    expect(first).toBe(top.row - 24);
    expect(offsetOf(rows, top, first)).toBe(-above);
    expect(offsetOf(rows, top, end - 24)).toBeGreaterThanOrEqual(VIEW);
  });

  test("the scroll bar points at the place that it was put for", () => {
    const extent = { rows: rows.count, rowHeight: 38, viewport: VIEW };
    const top = topFor(rows, 500, -7, VIEW);
    const pointed = pointedAt(rows, contentTopOf(rows, top, extent), extent);
    expect(pointed.row).toBe(top.row);
    expect(pointed.within).toBeCloseTo(top.within, 6);
  });

  test("the end of the scroll bar is the end of the rows, however high they are thought to be", () => {
    for (const rowHeight of [1, 20, 500]) {
      const extent = { rows: rows.count, rowHeight, viewport: VIEW };
      const end = endOf(rows, VIEW);
      expect(contentTopOf(rows, end, extent)).toBeCloseTo(maxContentTop(extent));
      expect(pointedAt(rows, maxContentTop(extent), extent).row).toBe(end.row);
    }
  });
});

test("few rows are all in view", () => {
  const few: Rows = { count: 3, height: () => 20 };
  expect(topFor(few, 2, 0, VIEW)).toEqual({ row: 0, within: 0 });
  expect(mounted(few, { row: 0, within: 0 }, VIEW, 24)).toEqual({
    first: 0,
    end: 3,
    above: 0,
    shown: 3,
  });
});

test("no rows have one place", () => {
  const none: Rows = { count: 0, height: () => 20 };
  expect(topFor(none, 7, 0, VIEW)).toEqual({ row: 0, within: 0 });
  expect(mounted(none, { row: 0, within: 0 }, VIEW, 24).end).toBe(0);
});

test("however small the rows, no more than the most are mounted", () => {
  const tiny: Rows = { count: 10_000, height: () => 1 };
  const { first, end } = mounted(tiny, { row: 5000, within: 0 }, 4000, 24);
  expect(end - first).toBeLessThanOrEqual(MOST_MOUNTED);
});
