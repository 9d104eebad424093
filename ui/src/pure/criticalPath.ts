/** The steps that decided how long the execution took: each waited for the one before it. */

import type { StepNode } from "./stepTree";
import { moment } from "./time";

/** Clocks of markers differ by what a line takes to arrive. */
const SLACK_MS = 50;

interface Timed {
  node: StepNode;
  start: number;
  end: number;
}

/** The indices of these steps; empty where nothing ran beside anything, for then all of them decided. */
export function criticalPath(roots: readonly StepNode[], now: number): ReadonlySet<number> {
  const path = new Set<number>();
  let hasOthers = false;
  const walk = (siblings: readonly StepNode[], until: number): void => {
    const timed = siblings.flatMap((node) => timesOf(node, now)).sort((a, b) => b.end - a.end);
    let limit = until;
    for (const { node, start, end } of timed) {
      if (end > limit + SLACK_MS) {
        hasOthers = true;
        continue;
      }
      path.add(node.step.index);
      walk(node.children, end);
      limit = start;
    }
  };
  walk(roots, Infinity);
  return hasOthers ? path : new Set();
}

function timesOf(node: StepNode, now: number): Timed[] {
  const start = moment(node.step.started_at);
  if (start === null) return [];
  return [{ node, start, end: moment(node.step.completed_at) ?? now }];
}
