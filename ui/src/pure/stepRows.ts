/** Which rows the tree of steps shows: without what is closed, filtered away, or in no trouble. */

import type { Annotation, Artifact, Step } from "../live/model";
import { isError } from "./landing";
import type { StepNode } from "./stepTree";

export interface Badges {
  errors: number;
  warnings: number;
  artifacts: number;
  /** Which time the step runs under its name and parent, from 1. */
  attempt: number;
}

export interface StepFilter {
  text: string;
  onlyProblems: boolean;
}

export interface TreeRow {
  node: StepNode;
  isOpen: boolean;
  hasChildren: boolean;
  position: number;
  siblings: number;
}

export function badges(
  steps: readonly Step[],
  annotations: readonly Annotation[],
  artifacts: readonly Artifact[],
): ReadonlyMap<number, Badges> {
  const found = new Map<number, Badges>();
  const byId = new Map<string, number>();
  const failedBefore = new Map<string, number>();
  for (const step of steps) {
    const name = `${step.parent_index ?? ""}/${step.name}`;
    const attempt = (failedBefore.get(name) ?? 0) + 1;
    // What ended well and comes again is a loop, not a retry.
    failedBefore.set(name, step.status === "failed" ? attempt : 0);
    found.set(step.index, { errors: 0, warnings: 0, artifacts: 0, attempt });
    byId.set(step.id, step.index);
  }
  for (const remark of annotations) {
    const badge = remark.step_index === null ? undefined : found.get(remark.step_index);
    if (badge && isError(remark)) badge.errors += 1;
    else if (badge && remark.level === "warning") badge.warnings += 1;
  }
  for (const artifact of artifacts) {
    const index = artifact.step_id === null ? undefined : byId.get(artifact.step_id);
    const badge = index === undefined ? undefined : found.get(index);
    if (badge) badge.artifacts += 1;
  }
  return found;
}

export function isProblem(step: Step, badge: Badges | undefined): boolean {
  if (step.status === "failed" || step.status === "unknown") return true;
  return badge !== undefined && (badge.errors > 0 || badge.warnings > 0);
}

/** Rows from the top. What passes the filter is shown with its parents, and those are open. */
export function treeRows(
  roots: readonly StepNode[],
  closed: ReadonlySet<number>,
  filter: StepFilter,
  badge: ReadonlyMap<number, Badges>,
): TreeRow[] {
  const wanted = filter.text.trim().toLowerCase();
  const isFiltered = wanted !== "" || filter.onlyProblems;
  const passing = isFiltered ? new Set<number>() : null;
  const passes = ({ step }: StepNode): boolean =>
    (wanted === "" || step.name.toLowerCase().includes(wanted)) &&
    (!filter.onlyProblems || isProblem(step, badge.get(step.index)));
  const mark = (node: StepNode): boolean => {
    let isShown = passes(node);
    for (const child of node.children) isShown = mark(child) || isShown;
    if (isShown) passing?.add(node.step.index);
    return isShown;
  };
  if (passing) roots.forEach(mark);

  const rows: TreeRow[] = [];
  const show = (siblings: readonly StepNode[]): void => {
    const shown = passing ? siblings.filter(({ step }) => passing.has(step.index)) : siblings;
    shown.forEach((node, at) => {
      const hasChildren = passing
        ? node.children.some(({ step }) => passing.has(step.index))
        : node.children.length > 0;
      const isOpen = hasChildren && (isFiltered || !closed.has(node.step.index));
      rows.push({ node, isOpen, hasChildren, position: at + 1, siblings: shown.length });
      if (isOpen) show(node.children);
    });
  };
  show(roots);
  return rows;
}

/** The row of a step, or of the nearest of its parents that has one. */
export function rowOf(
  rows: readonly TreeRow[],
  parents: ReadonlyMap<number, number | null>,
  index: number,
): number {
  const places = new Map(rows.map((row, at) => [row.node.step.index, at]));
  let at: number | null = index;
  while (at !== null) {
    const found = places.get(at);
    if (found !== undefined) return found;
    at = parents.get(at) ?? null;
  }
  return -1;
}
