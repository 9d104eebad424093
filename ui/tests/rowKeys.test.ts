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

test("rows in view at the end stay when those above them come and go in a jump", () => {
  const before = rowKeys(NO_ROWS, 100, 155);
  const flood = rowKeys(before, 5_000, 5_031);
  expect(keys(flood)).toEqual(keys(before).slice(24));
  const after = rowKeys(flood, 90_000, 90_055);
  expect(keys(after).slice(24)).toEqual(keys(flood));
});
