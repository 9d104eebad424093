import { expect, test } from "vitest";
import { among, extended, NOTHING, toggled, withAll } from "../src/pure/chosen";

const SHOWN = ["a", "b", "c", "d"];

test("one is chosen and let go", () => {
  const chosen = toggled(NOTHING, "b");
  expect([...chosen.ids]).toEqual(["b"]);
  expect(toggled(chosen, "b").ids.size).toBe(0);
});

test("a range goes from the last one, in both directions", () => {
  const chosen = toggled(NOTHING, "c");
  expect([...extended(chosen, "a", SHOWN).ids].sort()).toEqual(["a", "b", "c"]);
  expect([...extended(chosen, "d", SHOWN).ids].sort()).toEqual(["c", "d"]);
});

test("a range from nothing is one", () => {
  expect([...extended(NOTHING, "d", SHOWN).ids]).toEqual(["d"]);
});

test("what is not shown any more is chosen no more", () => {
  const chosen = withAll(SHOWN);
  expect([...among(chosen, ["b", "c"]).ids]).toEqual(["b", "c"]);
  expect(among(chosen, SHOWN)).toBe(chosen);
});
