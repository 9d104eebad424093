/** What the loaded executions offer for completions. */

import type { Execution } from "../live/model";
import type { Known } from "./filter";

const LOOKED_AT = 300;

export function knownFrom(executions: readonly Execution[]): Known {
  const seen = executions.slice(0, LOOKED_AT);
  return {
    tags: distinct(seen.flatMap(({ tags }) => tags)),
    names: distinct(seen.map(({ name }) => name)),
    users: distinct(seen.flatMap(({ user }) => user ?? [])),
    metaKeys: distinct(seen.flatMap(({ metadata }) => Object.keys(metadata))),
  };
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
