/** States and outcomes in words. */

import { n } from "./numbers";

export const status = {
  status: {
    pending: "Queued",
    running: "Running",
    completed: "Completed",
    failed: "Failed",
    cancelled: "Cancelled",
  },
  outcome: {
    succeeded: "Succeeded",
    failed: "Failed",
    killed: "Killed",
    timed_out: "Timed out",
    cancelled: "Cancelled",
    said_failed: "Failed by its own word",
    stopped_on_error: "Stopped on error",
    log_limit: "Log limit",
    could_not_start: "Could not start",
    lost: "Lost",
    with_issues: "Completed with issues",
  },
  ended: {
    succeeded: "succeeded",
    failed: (code: number) => `failed with exit code ${code}`,
    killed: (signal: string) => `killed by ${signal}`,
    timed_out: (seconds: number) => `timed out after ${n(seconds)} s`,
    cancelled: (by: string) => `cancelled by ${by}`,
    said_failed: (message: string) =>
      `failed, as the script said${message === "" ? "" : `: ${message}`}`,
    stopped_on_error: (step: string) => `stopped because the step “${step}” failed`,
    log_limit: (limit: string) => `stopped at the log limit of ${limit}`,
    could_not_start: (reason: string) => `could not start: ${reason}`,
    lost: (reason: string) => `lost: ${reason}`,
    signal: (number: number) => `signal ${number}`,
  },
  stepStatus: {
    pending: "Not started",
    running: "Running",
    completed: "Completed",
    failed: "Failed",
    cancelled: "Cancelled",
    skipped: "Skipped",
    unknown: "Unknown",
  },
};
