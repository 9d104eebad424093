/** Steps as a tree, and where they lie in the transcript. */

import type { Step } from "../live/model";

export interface StepNode {
  step: Step;
  depth: number;
  children: StepNode[];
}

/** Roots in order; a step whose parent is unknown is a root. */
export function stepTree(steps: readonly Step[]): StepNode[] {
  const nodes = new Map<number, StepNode>();
  for (const step of steps) nodes.set(step.index, { step, depth: 0, children: [] });
  const roots: StepNode[] = [];
  for (const node of inOrder(nodes)) {
    const parent = node.step.parent_index === null ? undefined : nodes.get(node.step.parent_index);
    if (parent && parent !== node && parent.step.index < node.step.index) {
      node.depth = parent.depth + 1;
      parent.children.push(node);
    } else roots.push(node);
  }
  return roots;
}

function inOrder(nodes: Map<number, StepNode>): StepNode[] {
  return [...nodes.values()].sort((a, b) => a.step.index - b.step.index);
}

/** The tree as rows, parents before their children. */
export function flattened(nodes: readonly StepNode[]): StepNode[] {
  return nodes.flatMap((node) => [node, ...flattened(node.children)]);
}

export interface Boundary {
  kind: "start" | "end";
  step: Step;
  depth: number;
}

/** The lines at which steps begin and end. A line that does both shows the beginning. */
export function boundaries(rows: readonly StepNode[]): Map<number, Boundary> {
  const found = new Map<number, Boundary>();
  for (const { step, depth } of rows) {
    if (step.last_line !== null && step.last_line !== step.first_line) {
      found.set(step.last_line, { kind: "end", step, depth });
    }
  }
  for (const { step, depth } of rows) found.set(step.first_line, { kind: "start", step, depth });
  return found;
}

/** The innermost step around a line. */
export function stepAt(rows: readonly StepNode[], line: number): Step | null {
  let found: StepNode | null = null;
  for (const node of rows) {
    const { first_line, last_line } = node.step;
    const isAround = first_line <= line && line <= (last_line ?? Infinity);
    if (isAround && (!found || node.depth >= found.depth)) found = node;
  }
  return found?.step ?? null;
}

/** The step that an address names: `build/compile`, a name alone, or an index. */
export function stepNamed(rows: readonly StepNode[], wanted: string): Step | null {
  const names = new Map<number, string>();
  for (const { step } of rows) {
    const parent = step.parent_index === null ? undefined : names.get(step.parent_index);
    names.set(step.index, parent === undefined ? step.name : `${parent}/${step.name}`);
  }
  const steps = rows.map(({ step }) => step);
  return (
    steps.find((step) => names.get(step.index) === wanted) ??
    steps.find((step) => step.name === wanted) ??
    steps.find((step) => String(step.index) === wanted) ??
    null
  );
}

export function firstFailed(steps: readonly Step[]): Step | undefined {
  const failed = steps.filter((step) => step.status === "failed");
  // The innermost of the failed ones says where it happened; its parents only say that it did.
  return failed.find((step) => !failed.some((other) => other.parent_index === step.index));
}

/** The steps to fold so that one stands alone: all but itself, what is inside of it, and what it is inside of. */
export function othersThan(rows: readonly StepNode[], index: number): number[] {
  const parents = new Map(rows.map(({ step }) => [step.index, step.parent_index]));
  const pathOf = (start: number): Set<number> => {
    const path = new Set<number>();
    for (let at: number | null = start; at !== null && !path.has(at); at = parents.get(at) ?? null)
      path.add(at);
    return path;
  };
  const own = pathOf(index);
  return [...parents.keys()].filter((other) => !own.has(other) && !pathOf(other).has(index));
}
