/** The line that was printed at a time. The server numbers lines, so it is looked for by halving; the steps, whose
 * lines and times are known, say where to begin. */

import { moment } from "../pure/time";
import { api } from "./api";
import type { Step } from "./model";

export async function lineAt(
  id: string,
  steps: readonly Step[],
  lineCount: number,
  at: number,
): Promise<number> {
  let low = 0;
  let high = Math.max(0, lineCount - 1);
  for (const step of steps) {
    const start = moment(step.started_at);
    const end = moment(step.completed_at);
    if (start !== null && start <= at) low = Math.max(low, Math.min(step.first_line, high));
    if (end !== null && end >= at && step.last_line !== null && step.last_line >= low)
      high = Math.min(high, step.last_line);
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    const answer = await api.lines(id, `${middle}:0`, 1, 16);
    const printed = moment(answer.lines[0]?.at);
    if (printed !== null && printed < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
