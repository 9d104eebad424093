import { expect, test } from "vitest";
import { matching } from "../src/pure/palette";

const COMMANDS = [
  { id: "1", label: "Rebuild", kind: "" },
  { id: "2", label: "Nightly build", kind: "" },
  { id: "3", label: "Build", kind: "", also: "0197-ab" },
];
const found = (typed: string): string[] => matching(COMMANDS, typed).map(({ id }) => id);

test("beginnings come before what is inside", () => {
  expect(found("build")).toEqual(["3", "2", "1"]);
});

test("every word has to occur, in any order", () => {
  expect(found("build night")).toEqual(["2"]);
  expect(found("build nothing")).toEqual([]);
});

test("what is not shown is found too, and nothing typed shows all", () => {
  expect(found("0197")).toEqual(["3"]);
  expect(found("")).toEqual(["1", "2", "3"]);
});
