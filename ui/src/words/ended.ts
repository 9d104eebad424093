/** The data of an outcome as a sentence in the language of the page. */

import type { Execution } from "../live/model";
import { SIGNALS } from "../pure/evidence";
import { bytes } from "../pure/time";
import { words } from "./words";

/** How it ended, in one short sentence; null while it has not. */
export function endOf({ outcome }: Execution): string | null {
  const e = words.ended;
  switch (outcome?.kind) {
    case undefined:
      return null;
    case "succeeded":
      return e.succeeded;
    case "failed":
      return e.failed(outcome.exit_code ?? 0);
    case "killed":
      return e.killed(SIGNALS[outcome.signal ?? 0] ?? e.signal(outcome.signal ?? 0));
    case "timed_out":
      return e.timed_out(outcome.after_seconds ?? 0);
    case "cancelled":
      return e.cancelled(outcome.by ?? "");
    case "said_failed":
      return e.said_failed(outcome.message ?? "");
    case "stopped_on_error":
      return e.stopped_on_error(outcome.step ?? "");
    case "log_limit":
      return e.log_limit(bytes(outcome.limit_bytes ?? 0));
    case "could_not_start":
    case "lost":
      return e[outcome.kind](outcome.reason ?? "");
  }
}
