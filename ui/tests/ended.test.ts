import { describe, expect, it } from "vitest";
import type { Execution, Outcome } from "../src/live/model";
import { endOf } from "../src/words/ended";

const ENDS: [Outcome, string][] = [
  [{ kind: "succeeded" }, "succeeded"],
  [{ kind: "failed", exit_code: 3 }, "failed with exit code 3"],
  [{ kind: "killed", signal: 9 }, "killed by SIGKILL"],
  [{ kind: "killed", signal: 40 }, "killed by signal 40"],
  [{ kind: "timed_out", after_seconds: 2.5 }, "timed out after 2.5 s"],
  [{ kind: "cancelled", by: "ann" }, "cancelled by ann"],
  [{ kind: "said_failed", message: null }, "failed, as the script said"],
  [{ kind: "said_failed", message: "red" }, "failed, as the script said: red"],
  [{ kind: "stopped_on_error", step: "build" }, "stopped because the step “build” failed"],
  [{ kind: "log_limit", limit_bytes: 2_000_000 }, "stopped at the log limit of 2.0 MB"],
  [{ kind: "could_not_start", reason: "no such file" }, "could not start: no such file"],
  [{ kind: "lost", reason: "its host restarted" }, "lost: its host restarted"],
];

describe("endOf", () => {
  it.each(ENDS)("says %o", (outcome, said) => {
    expect(endOf({ outcome } as Execution)).toBe(said);
  });

  it("says nothing of what goes on", () => {
    expect(endOf({ outcome: null } as Execution)).toBeNull();
  });
});
