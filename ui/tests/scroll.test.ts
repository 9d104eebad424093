import { describe, expect, test } from "vitest";
import {
  contentHeight,
  isScaled,
  MAX_HEIGHT_PX,
  maxContentTop,
  maxScrollTop,
  scrollHeight,
  toContent,
  toScroll,
  type Extent,
} from "../src/pure/scroll";

const small: Extent = { rows: 1000, rowHeight: 20, viewport: 600 };
const huge: Extent = { rows: 100_000_000, rowHeight: 20, viewport: 600 };

test("a log that fits scrolls one to one", () => {
  expect(isScaled(small)).toBe(false);
  expect(scrollHeight(small)).toBe(contentHeight(small));
  expect(toContent(small, 1234)).toBe(1234);
  expect(toScroll(small, 1234)).toBe(1234);
});

describe("a log that no browser can lay out", () => {
  test("stays below the limit", () => {
    expect(scrollHeight(huge)).toBe(MAX_HEIGHT_PX);
  });

  test("reaches both ends exactly", () => {
    expect(toContent(huge, 0)).toBe(0);
    expect(toContent(huge, maxScrollTop(huge))).toBe(maxContentTop(huge));
    expect(toScroll(huge, maxContentTop(huge))).toBe(maxScrollTop(huge));
  });

  test.each([0, 1, 49_999, 50_001, 1_000_000, 50_000_000, 99_949_999, 99_999_960])(
    "says where row %i is",
    (row) => {
      expect(toContent(huge, toScroll(huge, row * 20))).toBeCloseTo(row * 20, 3);
    },
  );
});

test("an empty log has one place", () => {
  const empty: Extent = { rows: 0, rowHeight: 20, viewport: 600 };
  expect([maxContentTop(empty), maxScrollTop(empty), toScroll(empty, 50)]).toEqual([0, 0, 0]);
});
