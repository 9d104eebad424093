import { expect, test } from "vitest";
import { NO_ROWS, rowKeys } from "../src/pure/rowKeys";

function keys({ first, end, shift }: ReturnType<typeof rowKeys>): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index + shift);
}

test("rows that stay in view keep their keys", () => {
  const before = rowKeys(NO_ROWS, 100, 150);
  const after = rowKeys(before, 110, 160);
  expect(keys(after).slice(0, 40)).toEqual(keys(before).slice(10));
});

test("a jump takes over the rows that are there", () => {
  const before = rowKeys(NO_ROWS, 100, 150);
  const after = rowKeys(before, 90_000, 90_050);
  expect(keys(after)).toEqual(keys(before));
  expect(keys(rowKeys(after, 0, 50))).toEqual(keys(before));
});
