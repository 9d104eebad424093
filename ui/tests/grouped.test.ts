import { expect, test } from "vitest";
import { grouped } from "../src/pure/grouped";

test.each([
  [0, "0"],
  [999, "999"],
  [1000, "1,000"],
  [-1234567, "-1,234,567"],
  [100_000_000, "100,000,000"],
  [1234.5, "1,234.5"],
])("%d is %s", (value, text) => {
  expect(grouped(value)).toBe(text);
});
