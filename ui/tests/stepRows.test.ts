import { expect, test } from "vitest";
import type { Annotation, Artifact } from "../src/live/model";
import { badges, rowOf, treeRows, type StepFilter } from "../src/pure/stepRows";
import { othersThan, type StepNode } from "../src/pure/stepTree";
import { rowsOf, step } from "./stepsOf";

const ALL: StepFilter = { text: "", onlyProblems: false };
const tree = [
  step(0, 0, 10, { name: "Build" }),
  step(1, 0, 5, { name: "Compile", parent_index: 0 }),
  step(2, 5, 10, { name: "Link", parent_index: 0, status: "failed" }),
  step(3, 10, 20, { name: "Test" }),
];
const rows = rowsOf(...tree);
const roots = rows.filter(({ depth }) => depth === 0);

function shown(closed: number[], filter: Partial<StepFilter> = {}): number[] {
  const found = treeRows(roots, new Set(closed), { ...ALL, ...filter }, badges(tree, [], []));
  return found.map(({ node }) => node.step.index);
}

test("a closed step hides what is inside of it", () => {
  expect(shown([])).toEqual([0, 1, 2, 3]);
  expect(shown([0])).toEqual([0, 3]);
});

test("what passes the filter is shown inside of its parents, even of closed ones", () => {
  expect(shown([0], { text: "lin" })).toEqual([0, 2]);
  expect(shown([], { onlyProblems: true })).toEqual([0, 2]);
  expect(shown([], { text: "test", onlyProblems: true })).toEqual([]);
});

test("rows know their place among their siblings", () => {
  const found = treeRows(roots, new Set(), ALL, new Map());
  expect(found.map(({ position, siblings }) => [position, siblings])).toEqual([
    [1, 2],
    [1, 2],
    [2, 2],
    [2, 2],
  ]);
});

test("a step without a row is found at its nearest parent", () => {
  const parents = new Map(tree.map(({ index, parent_index }) => [index, parent_index]));
  const found = treeRows(roots, new Set([0]), ALL, new Map());
  expect(rowOf(found, parents, 2)).toBe(0);
  expect(rowOf(found, parents, 99)).toBe(-1);
});

test("badges count errors, warnings, artifacts and the attempts after a failure", () => {
  const remark = (level: string): Annotation =>
    ({ level, step_index: 1, message: "", log_line: null }) as Annotation;
  const found = badges(
    [...tree, step(4, 10, 12, { name: "Link", parent_index: 0 })],
    [remark("error"), remark("warning"), remark("warning"), remark("notice")],
    [{ step_id: "s3" } as Artifact],
  );
  expect(found.get(1)).toEqual({ errors: 1, warnings: 2, artifacts: 0, attempt: 1 });
  expect(found.get(3)?.artifacts).toBe(1);
  expect(found.get(4)?.attempt).toBe(2);
});

test("one step stands alone when all are folded that it is not inside of and that are not inside of it", () => {
  const nodes: StepNode[] = rowsOf(...tree, step(4, 6, 7, { parent_index: 2 }));
  expect(othersThan(nodes, 2)).toEqual([1, 3]);
});

test("ten thousand steps become rows in a few milliseconds", () => {
  const many = Array.from({ length: 10_000 }, (_, index) =>
    step(index, index, index + 1, { parent_index: index % 10 === 0 ? null : index - (index % 10) }),
  );
  const nodes = rowsOf(...many);
  const begun = performance.now();
  const found = treeRows(
    nodes.filter(({ depth }) => depth === 0),
    new Set(),
    { text: "step 9", onlyProblems: false },
    badges(many, [], []),
  );
  expect(found.length).toBeGreaterThan(1000);
  expect(performance.now() - begun).toBeLessThan(250);
});
