import { expect, test } from "vitest";
import type { Execution } from "../src/live/model";
import { ofExecution } from "../src/parts/appearance";

function looks(fields: Partial<Execution>): string {
  const execution = { status: "completed", cancellation: null, outcome: null, result: null };
  const { tone, shape, word } = ofExecution({ ...execution, ...fields } as Execution);
  return `${tone} ${shape} ${word}`;
}

test("a success with issues is a warning, by the script's own word", () => {
  expect(looks({})).toBe("ok tick Completed");
  expect(looks({ result: "completed" })).toBe("ok tick Completed");
  expect(looks({ result: "completed_with_issues" })).toBe("warn triangle Completed with issues");
});

test("issues hide neither a failure nor that it still runs", () => {
  const result = "completed_with_issues";
  expect(looks({ result, status: "failed" })).toBe("bad cross Failed");
  expect(looks({ result, status: "running" })).toBe("accent ring Running");
});
