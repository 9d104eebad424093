/** States and outcomes in words. */

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
