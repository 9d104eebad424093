/** Rows and lines of a log in which something is folded: the head of a folded step stays, its other lines have
 * no row; so it is with the first of repeated lines. */

import type { Annotation, Step } from "../live/model";
import { isError } from "./landing";
import type { Lines, RowMap } from "./rowMap";
import type { StepNode } from "./stepTree";

/** Lines without a row; `last` is Infinity in a step that still runs. */
interface Hidden {
  first: number;
  last: number;
  /** Rows above `first`. */
  row: number;
}

/** First and last of lines without a row. */
export type Span = readonly [first: number, last: number];

export class Folds implements RowMap {
  readonly #hidden: Hidden[] = [];

  constructor(rows: readonly StepNode[], folded: ReadonlySet<number>, more: readonly Span[] = []) {
    let above = 0;
    let behind = 0;
    const spans = [...hiddenLines(rows, folded), ...more];
    for (const [first, last] of spans.sort((a, b) => a[0] - b[0] || b[1] - a[1])) {
      if (first < behind) continue;
      this.#hidden.push({ first, last, row: first - above });
      above += last - first + 1;
      behind = last + 1;
    }
  }

  rowCount(lineCount: number): number {
    return lineCount === 0 ? 0 : this.rowOf(lineCount - 1) + 1;
  }

  lineAt(row: number): number {
    const fold = this.#last((each) => each.row <= row);
    return fold ? fold.last + 1 + row - fold.row : row;
  }

  /** The row of a line; of a line in a folded step the row of the step's head. */
  rowOf(line: number): number {
    const fold = this.#last((each) => each.first <= line);
    if (!fold) return line;
    return line <= fold.last ? fold.row - 1 : fold.row + line - fold.last - 1;
  }

  /** The lines of a range of rows. */
  lines(firstRow: number, endRow: number): Lines[] {
    const found: Lines[] = [];
    for (let row = firstRow; row < endRow;) {
      const first = this.lineAt(row);
      const next = this.#hidden.find((each) => each.first > first);
      const count = Math.min(endRow - row, (next?.first ?? Infinity) - first);
      found.push({ first, end: first + count });
      row += count;
    }
    return found;
  }

  #last(test: (fold: Hidden) => boolean): Hidden | undefined {
    let low = 0;
    let high = this.#hidden.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (test(this.#hidden[middle] as Hidden)) low = middle + 1;
      else high = middle;
    }
    return this.#hidden[low - 1];
  }
}

/** In order, and never over the head of a step that is not inside. */
function hiddenLines(rows: readonly StepNode[], folded: ReadonlySet<number>): [number, number][] {
  const found: [number, number][] = [];
  rows.forEach(({ step, depth }, at) => {
    if (!folded.has(step.index)) return;
    const next = rows.slice(at + 1).find((other) => other.depth <= depth)?.step.first_line;
    const last = Math.min(step.last_line ?? Infinity, next === undefined ? Infinity : next - 1);
    if (last > step.first_line) found.push([step.first_line + 1, last]);
  });
  return found;
}

/** The steps in which a line lies that has no row. */
export function foldsOver(
  rows: readonly StepNode[],
  folded: ReadonlySet<number>,
  line: number,
): number[] {
  return rows
    .filter(({ step }) => folded.has(step.index))
    .filter(({ step }) => step.first_line < line && line <= (step.last_line ?? Infinity))
    .map(({ step }) => step.index);
}

/** What "collapse all" folds: whatever ended well. Trouble and what still runs stay open. */
export function foldable(rows: readonly StepNode[], annotations: readonly Annotation[]): number[] {
  const parents = new Map(rows.map(({ step }) => [step.index, step.parent_index]));
  const open = new Set<number>();
  const troubled = [
    ...rows.filter(({ step }) => isTrouble(step)).map(({ step }) => step.index),
    ...annotations.filter(isError).map((remark) => remark.step_index),
  ];
  for (const start of troubled) {
    for (let at = start; at !== null && !open.has(at); at = parents.get(at) ?? null) open.add(at);
  }
  return rows.map(({ step }) => step.index).filter((index) => !open.has(index));
}

function isTrouble(step: Step): boolean {
  return step.status === "failed" || step.status === "running" || step.status === "unknown";
}

/** What the script's markers ask to be folded, unless it failed: that is opened by itself. */
export function collapsed(steps: readonly Step[]): Set<number> {
  return new Set(
    steps
      .filter((step) => step.metadata["collapsed"] === true && step.status !== "failed")
      .map((step) => step.index),
  );
}

/** Steps beside the innermost one that are open at a line: their output is mixed with its own. */
export function beside(
  rows: readonly StepNode[],
  heads: readonly StepNode[],
  line: number,
): Step[] {
  const inner = heads.at(-1);
  if (!inner) return [];
  const above = new Set<number>();
  const parents = new Map(rows.map(({ step }) => [step.index, step.parent_index]));
  for (let at: number | null = inner.step.index; at !== null && !above.has(at);) {
    above.add(at);
    at = parents.get(at) ?? null;
  }
  return rows
    .map(({ step }) => step)
    .filter((step) => step.first_line < line && line <= (step.last_line ?? Infinity))
    .filter((step) => !above.has(step.index) && step.parent_index === inner.step.parent_index);
}

/** The heads that stay in view above a line: the outermost and the innermost step that began before it. */
export function headsAbove(
  rows: readonly StepNode[],
  lineOf: (row: number) => number,
  topRow: number,
): StepNode[] {
  let heads: StepNode[] = [];
  for (let covered = 0; covered <= 2; covered += 1) {
    const line = lineOf(topRow + covered);
    const around = rows.filter(
      ({ step }) => step.first_line < line && line <= (step.last_line ?? Infinity),
    );
    const path = around.filter((node, at) =>
      around.slice(at + 1).every((o) => o.depth > node.depth),
    );
    heads = path.length > 2 ? [path[0] as StepNode, path.at(-1) as StepNode] : path;
    if (heads.length <= covered) return heads;
  }
  return heads;
}
