import { expect, test } from "vitest";
import { piecesOf, placeIn } from "../src/pure/counting";

test.each([
  [0, 9, 100],
  [0, 119_999_999, 10e9],
  [1000, 1000, 5],
  [7, 30, 1e9],
])("pieces of lines %i to %i are all of them, once", (first, last, size) => {
  const pieces = piecesOf(first, last, size);
  expect(pieces[0]?.first).toBe(first);
  expect(pieces.at(-1)?.last).toBe(last);
  pieces.slice(1).forEach((piece, i) => expect(piece.first).toBe((pieces[i]?.last ?? 0) + 1));
  expect(pieces.length).toBeLessThanOrEqual(400);
});

test("no lines have no pieces", () => {
  expect(piecesOf(0, -1, 0)).toEqual([]);
});

test("the place of a hit is counted from its own piece on", () => {
  const pieces = [
    { first: 0, last: 99, total: 10 },
    { first: 100, last: 199, total: 0 },
    { first: 200, last: 299, total: 7 },
  ];
  expect(placeIn(pieces, 50)).toEqual({ before: 0, first: 0 });
  expect(placeIn(pieces, 250)).toEqual({ before: 10, first: 200 });
});
