import { describe, expect, test } from "vitest";
import { destination, momentNamed } from "../src/pure/destination";

const START = new Date(2026, 10, 23, 23, 50, 30).getTime();
const at = (day: number, hour: number, minute: number, second = 0): number =>
  new Date(2026, 10, day, hour, minute, second).getTime();

test.each([
  ["1234", { kind: "line", line: 1233 }],
  ["L12", { kind: "line", line: 11 }],
  ["1,200,000", { kind: "line", line: 1_199_999 }],
  ["50%", { kind: "part", part: 0.5 }],
  ["end", { kind: "end" }],
  ["+90s", { kind: "time", at: START + 90_000 }],
  ["0", null],
  ["nowhere", null],
  ["+", null],
  ["", null],
])("%s", (text, expected) => {
  expect(destination(text, START)).toEqual(expected);
});

describe("a moment", () => {
  test("of the day is the first one after the beginning", () => {
    expect(momentNamed("23:55", START)).toBe(at(23, 23, 55));
    expect(momentNamed("00:10:05", START)).toBe(at(24, 0, 10, 5));
    expect(momentNamed("23:50:30", START)).toBe(START);
    expect(momentNamed("25:00", START)).toBeNull();
  });

  test("can be a date, or be counted from the beginning", () => {
    expect(momentNamed("2026-11-24 01:02", START)).toBe(at(24, 1, 2));
    expect(momentNamed("2026-11-24T01:02:03Z", START)).toBe(Date.UTC(2026, 10, 24, 1, 2, 3));
    expect(momentNamed("+1h5m", START)).toBe(START + 3_900_000);
    expect(momentNamed("2026-99-99", START)).toBeNull();
  });
});
