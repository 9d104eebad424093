import { expect, test } from "vitest";
import type { Execution, Usual } from "../src/live/model";
import { about, progressOf } from "../src/pure/progress";
import { durationBar, usualSteps } from "../src/pure/usual";
import { at, ms, rowsOf, step } from "./stepsOf";

const usual: Usual = {
  executions: 20,
  duration: { p50: 100, p95: 150, count: 18 },
  step_count: 7,
  steps: [{ path: ["Build", "Compile"], duration: { p50: 4, p95: 8, count: 20 } }],
};

function running(rest: Partial<Execution> = {}): Execution {
  return { started_at: at(0), total_steps: 4, progress: null, ...rest } as Execution;
}

test("without word from the script the usual duration says how long it takes", () => {
  expect(progressOf(running(), usual, ms(25))).toEqual({
    fraction: 0.25,
    left: 75,
    late: 0,
    basis: 18,
    step: 4,
    steps: 7,
  });
});

test("what takes longer than usual is never done before its end, and says so", () => {
  expect(progressOf(running(), usual, ms(170))).toMatchObject({
    fraction: 0.98,
    left: 0,
    late: 20,
  });
});

test("the script's own word wins", () => {
  const found = progressOf(running({ progress: { value: 0.5, message: null } }), usual, ms(30));
  expect(found).toMatchObject({ fraction: 0.5, left: 30, basis: null });
});

test("where nobody knows there is no guess", () => {
  expect(progressOf(running({ total_steps: 9 }), null, ms(30))).toMatchObject({
    fraction: null,
    left: null,
    steps: null,
  });
});

test("a time left is said in one unit", () => {
  expect(
    [12, 54, 58, 600, 7200, 200_000].map(about).map(({ unit, value }) => `${value} ${unit}`),
  ).toEqual(["15 seconds", "55 seconds", "1 minutes", "10 minutes", "2 hours", "2.3 days"]);
});

test("a step is known by the names around it", () => {
  const rows = rowsOf(
    step(0, 0, 9, { name: "Build" }),
    step(1, 0, 4, { name: "Compile", parent_index: 0 }),
    step(2, 9, 12, { name: "Compile" }),
  );
  expect([...usualSteps(rows, usual).keys()]).toEqual([1]);
});

test("a bar has its tick at the usual, and is late beyond nineteen of twenty", () => {
  const duration = { p50: 4, p95: 8, count: 20 };
  expect(durationBar(2, duration)).toEqual({ done: 0.25, tick: 0.5, isLate: false });
  expect(durationBar(16, duration)).toEqual({ done: 1, tick: 0.25, isLate: true });
});
