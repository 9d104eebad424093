/** Steps that ran beside each other. Siblings whose times overlap are lanes of one bracket. */

import { moment } from "./time";
import type { StepNode } from "./stepTree";

export type BracketPart = "top" | "middle" | "bottom";

export interface Bracket {
  depth: number;
  part: BracketPart;
}

/** Groups of siblings that overlapped, each of at least two, in the order of their beginning. */
export function lanes(siblings: readonly StepNode[], now: number): StepNode[][] {
  const groups: StepNode[][] = [];
  let group: StepNode[] = [];
  let end = -Infinity;
  for (const node of siblings) {
    const start = moment(node.step.started_at);
    if (start === null) continue;
    const stop = moment(node.step.completed_at) ?? now;
    if (start < end) group.push(node);
    else group = [node];
    if (group.length === 2) groups.push(group);
    end = Math.max(end, stop);
  }
  return groups;
}

/** For each step's index the brackets that pass its row, outermost first. */
export function brackets(
  rows: readonly StepNode[],
  roots: readonly StepNode[],
  now: number,
): ReadonlyMap<number, readonly Bracket[]> {
  const place = new Map(rows.map((node, at) => [node.step.index, at]));
  const found = new Map<number, Bracket[]>();
  const visit = (siblings: readonly StepNode[]): void => {
    for (const group of lanes(siblings, now)) {
      const shown = group
        .map((node) => place.get(node.step.index))
        .filter((at) => at !== undefined);
      const first = Math.min(...shown);
      const last = Math.max(...shown);
      for (let at = first; at <= last && first < last; at += 1) {
        const node = rows[at] as StepNode;
        const part = at === first ? "top" : at === last ? "bottom" : "middle";
        const passing = found.get(node.step.index) ?? [];
        passing.push({ depth: (group[0] as StepNode).depth, part });
        found.set(node.step.index, passing);
      }
    }
    for (const node of siblings) visit(node.children);
  };
  visit(roots);
  return found;
}
