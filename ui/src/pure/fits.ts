/** Whether an execution passes a filter, as far as its row tells; null where only the server knows. */

import type { Execution } from "../live/model";
import type { Filter } from "./filter";

export function fits(execution: Execution, filter: Filter): boolean | null {
  if (!fitsRow(execution, filter)) return false;
  return filter.step === undefined && filter.log === undefined ? true : null;
}

function fitsRow(execution: Execution, filter: Filter): boolean {
  const { status, tag, name, user, exit, since, until } = filter;
  if (status && !status.split(",").includes(execution.status)) return false;
  if (tag !== undefined && !execution.tags.includes(tag)) return false;
  if (name !== undefined && execution.name !== name) return false;
  if (user !== undefined && execution.user !== user) return false;
  if (exit !== undefined && execution.exit_code !== exit) return false;
  const created = Date.parse(execution.created_at);
  if (since !== undefined && created < Date.parse(since)) return false;
  if (until !== undefined && created >= Date.parse(until)) return false;
  return (
    hasMeta(execution, filter) && hasDuration(execution, filter) && hasWords(execution, filter)
  );
}

function hasMeta({ metadata }: Execution, { meta }: Filter): boolean {
  return (meta ?? "")
    .split(",")
    .filter((pair) => pair !== "")
    .every((pair) => {
      const [key = "", ...value] = pair.split("=");
      const held = metadata[key];
      return (typeof held === "string" ? held : JSON.stringify(held)) === value.join("=");
    });
}

function hasDuration({ duration_seconds }: Execution, filter: Filter): boolean {
  const { min_duration, max_duration } = filter;
  if (min_duration === undefined && max_duration === undefined) return true;
  if (duration_seconds === null) return false;
  return duration_seconds >= (min_duration ?? 0) && duration_seconds <= (max_duration ?? Infinity);
}

function hasWords(execution: Execution, { q }: Filter): boolean {
  if (!q) return true;
  const { name, command, tags, user, error_message } = execution;
  const text = [name, command, ...tags, user, error_message].join(" ").toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
