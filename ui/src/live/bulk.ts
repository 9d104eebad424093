/** One action on many executions, a few at a time; each has its own result. */

import { api } from "./api";
import type { Execution } from "./model";

export type BulkAction = "rerun" | "cancel" | "delete";
export type Result = { kind: "done" } | { kind: "refused"; reason: string };

const AT_ONCE = 4;

export function isPossible(action: BulkAction, execution: Execution): boolean {
  const isActive = execution.status === "running" || execution.status === "pending";
  return action === "rerun" || (action === "cancel" ? isActive : !isActive);
}

export async function perform(
  action: BulkAction,
  executions: readonly Execution[],
  onresult: (id: string, result: Result) => void,
): Promise<void> {
  const waiting = [...executions];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      onresult(next.id, await attempt(action, next.id));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function attempt(action: BulkAction, id: string): Promise<Result> {
  try {
    if (action === "rerun") await api.rerun(id);
    else if (action === "cancel") await api.cancel(id, false);
    else await api.remove(id);
    return { kind: "done" };
  } catch (error) {
    return { kind: "refused", reason: (error as Error).message };
  }
}
