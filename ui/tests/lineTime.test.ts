import { expect, test } from "vitest";
import { lineTime, type Moments } from "../src/pure/lineTime";

const START = Date.UTC(2026, 10, 23, 10, 0, 0);
const moments: Moments = {
  at: START + 65_250,
  startedAt: START,
  stepStartedAt: START + 60_000,
  previousAt: START + 65_000,
};

test("a line has the time that was asked for", () => {
  expect(lineTime("off", moments).text).toBe("");
  expect(lineTime("clock", moments).text).toMatch(/:01:05\.250$/);
  expect(lineTime("elapsed", moments).text).toBe("01:05.250");
  expect(lineTime("step", moments).text).toBe("00:05.250");
  expect(lineTime("delta", moments).text).toBe("+0.250");
});

test("outside of any step the execution's beginning counts", () => {
  expect(lineTime("step", { ...moments, stepStartedAt: null }).text).toBe("01:05.250");
});

test("only a wait of more than a second is hot", () => {
  const heat = (ms: number): number =>
    lineTime("delta", { ...moments, previousAt: START + 65_250 - ms }).heat;
  expect([heat(0), heat(1000)]).toEqual([0, 0]);
  expect(heat(2000)).toBeGreaterThan(0);
  expect(heat(60_000)).toBeGreaterThan(heat(2000));
  expect(heat(86_400_000)).toBe(1);
});

test("what is not known is left out", () => {
  expect(lineTime("delta", { ...moments, previousAt: null }).text).toBe("");
  expect(lineTime("clock", { ...moments, at: null }).text).toBe("");
});
