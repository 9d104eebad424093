import { expect, test } from "vitest";
import {
  bytes,
  duration,
  elapsed,
  moment,
  relative,
  signedDuration,
  ticking,
} from "../src/pure/time";
import { en } from "../src/words/en";

test.each([
  [0, "0s"],
  [0.0329, "32ms"],
  [0.46, "0.4s"],
  [9.99, "9.9s"],
  [59.9, "59s"],
  [64, "1m 04s"],
  [3600, "1h 00m"],
  [90_061, "1d 1h"],
  [-3, "0s"],
])("%d seconds are %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test.each([
  [1.25, "+1.2s"],
  [-184, "−3m 04s"],
  [0.04, "±0"],
])("a difference of %d s is %s", (seconds, text) => {
  expect(signedDuration(seconds)).toBe(text);
});

test("a ticking duration shows whole seconds", () => {
  expect(ticking(3.7)).toBe("3s");
  expect(ticking(75)).toBe("1m 15s");
});

test.each([
  [0, "now"],
  [12_000, "12s ago"],
  [5 * 60_000, "5m ago"],
  [26 * 3_600_000, "yesterday"],
])("%d ms ago is %s", (age, text) => {
  expect(relative(1_000_000_000_000 - age, 1_000_000_000_000, en.ago, "en")).toBe(text);
});

test("a moment in the future, by a wrong clock, is now", () => {
  expect(relative(2_000, 1_000, en.ago, "en")).toBe("now");
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [999_600, "1.0 MB"],
  [10_000_000_000, "10.0 GB"],
  [123_456_789, "123 MB"],
])("%d bytes are %s", (count, text) => {
  expect(bytes(count)).toBe(text);
});

test("line times count from the start", () => {
  expect(elapsed(65_432)).toBe("01:05.432");
  expect(elapsed(3_600_000)).toBe("1:00:00.000");
});

test("an absent or broken time is null", () => {
  expect(moment(null)).toBeNull();
  expect(moment("soon")).toBeNull();
  expect(moment("1970-01-01T00:00:01.000000Z")).toBe(1000);
});
