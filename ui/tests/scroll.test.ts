import { describe, expect, test } from "vitest";
import {
  drift,
  isAtEnd,
  MAX_HEIGHT_PX,
  maxContentTop,
  moved,
  scrollHeight,
  toContent,
  topFor,
  toScroll,
  visibleRows,
  type Extent,
} from "../src/pure/scroll";

const small: Extent = { rows: 1000, rowHeight: 20, viewport: 600 };
const huge: Extent = { rows: 100_000_000, rowHeight: 20, viewport: 600 };

describe("a log that fits", () => {
  test("scrolls one to one", () => {
    expect(scrollHeight(small)).toBe(20_000);
    expect(toContent(small, 1234)).toBe(1234);
    expect(toScroll(small, 1234)).toBe(1234);
  });

  test("shows the rows of its viewport and some around them", () => {
    expect(visibleRows(small, 2000, 5)).toEqual({ first: 95, end: 135 });
    expect(visibleRows(small, 0, 5)).toEqual({ first: 0, end: 35 });
    expect(visibleRows(small, maxContentTop(small), 5).end).toBe(1000);
  });
});

describe("a log that no browser can lay out", () => {
  test("stays below the limit", () => {
    expect(scrollHeight(huge)).toBe(MAX_HEIGHT_PX);
  });

  test("reaches both ends exactly", () => {
    expect(toContent(huge, 0)).toBe(0);
    expect(toContent(huge, MAX_HEIGHT_PX - 600)).toBe(maxContentTop(huge));
    expect(visibleRows(huge, maxContentTop(huge), 0).end).toBe(100_000_000);
  });

  test.each([0, 1, 49_999, 50_001, 1_000_000, 50_000_000, 99_949_999, 99_999_960])(
    "reaches line %i, and the scroll bar says where that is",
    (row) => {
      const top = topFor(huge, row, 0);
      expect(toContent(huge, toScroll(huge, top))).toBeCloseTo(top, 3);
      expect(visibleRows(huge, top, 0).first).toBe(row);
    },
  );

  test("scrolls short ways pixel by pixel", () => {
    const contentTop = topFor(huge, 50_000_000, 0);
    const place = { contentTop, scrollTop: toScroll(huge, contentTop) };
    expect(moved(huge, place, place.scrollTop + 53).contentTop).toBe(contentTop + 53);
    expect(moved(huge, place, place.scrollTop - 53).contentTop).toBe(contentTop - 53);
  });

  test("takes a long way for a jump of the scroll bar", () => {
    const place = { contentTop: 0, scrollTop: 0 };
    expect(moved(huge, place, 7_499_700).contentTop).toBe(toContent(huge, 7_499_700));
  });

  test("knows how far the scroll bar is off", () => {
    const contentTop = topFor(huge, 50_000_000, 0);
    const place = { contentTop, scrollTop: toScroll(huge, contentTop) };
    expect(drift(huge, place)).toBe(0);
    expect(drift(huge, moved(huge, place, place.scrollTop + 500))).toBeGreaterThan(490);
  });
});

test("the end is the end within half a row", () => {
  expect(isAtEnd(small, maxContentTop(small) - 5)).toBe(true);
  expect(isAtEnd(small, maxContentTop(small) - 30)).toBe(false);
});

test("an empty log has one place", () => {
  const empty: Extent = { rows: 0, rowHeight: 20, viewport: 600 };
  expect(visibleRows(empty, 0, 10)).toEqual({ first: 0, end: 0 });
  expect(maxContentTop(empty)).toBe(0);
});
