import { expect, test } from "vitest";
import { brackets, lanes } from "../src/pure/lanes";
import { ms, rowsOf, step } from "./stepsOf";

test("siblings whose times overlap are lanes, those one after the other are not", () => {
  const rows = rowsOf(
    step(0, 0, 10),
    step(1, 10, 30),
    step(2, 12, 20),
    step(3, 25, 40),
    step(4, 40, 50),
  );
  expect(lanes(rows, ms(60)).map((group) => group.map(({ step: { index } }) => index))).toEqual([
    [1, 2, 3],
  ]);
});

test("a bracket passes the rows of its lanes and of what is inside of them", () => {
  const rows = rowsOf(
    step(0, 0, 10),
    step(1, 1, 5, { parent_index: 0 }),
    step(2, 0, null),
    step(3, 20, 30),
  );
  const found = brackets(
    rows,
    rows.filter(({ depth }) => depth === 0),
    ms(15),
  );
  expect(found.get(0)).toEqual([{ depth: 0, part: "top" }]);
  expect(found.get(1)).toEqual([{ depth: 0, part: "middle" }]);
  expect(found.get(2)).toEqual([{ depth: 0, part: "bottom" }]);
  expect(found.get(3)).toBeUndefined();
});
