import { expect, test } from "vitest";
import type { Annotation, Execution, Step } from "../src/live/model";
import { landing, neighbour } from "../src/pure/landing";

const execution = (status: Execution["status"]) => ({ status }) as Execution;
const failedStep = { index: 0, status: "failed", last_line: 41, parent_index: null } as Step;
const remark = (level: string, log_line: number | null) => ({ level, log_line }) as Annotation;

test("the address wins", () => {
  const anchor = { first: 3, last: 3 };
  expect(landing(execution("running"), [], [], anchor)).toEqual({ kind: "anchor", anchor });
});

test("a running execution opens at its end, a completed one at its start", () => {
  expect(landing(execution("running"), [], [], null)).toEqual({ kind: "end" });
  expect(landing(execution("completed"), [], [], null)).toEqual({ kind: "start" });
});

test("a failed one opens at its first error, else where its failed step ended, else at its end", () => {
  const remarks = [remark("warning", 3), remark("error", 17), remark("error", 20)];
  expect(landing(execution("failed"), [failedStep], remarks, null)).toEqual({
    kind: "error",
    line: 17,
  });
  expect(landing(execution("failed"), [failedStep], [], null)).toEqual({ kind: "error", line: 41 });
  expect(landing(execution("failed"), [], [], null)).toEqual({ kind: "end" });
});

test("the next of some lines is the nearest in that direction", () => {
  expect([1, -1].map((way) => neighbour([40, 10, 20], 15, way as 1 | -1))).toEqual([20, 10]);
  expect(neighbour([10, 20], 20, 1)).toBeNull();
});
