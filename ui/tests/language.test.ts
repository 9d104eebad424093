import { expect, test } from "vitest";
import { languageOf } from "../src/pure/language";

test.each([
  [null, ["zh-TW", "en"], "zh"],
  [null, ["de-DE", "zh-CN", "en"], "zh"],
  [null, ["en-GB", "zh"], "en"],
  [null, ["fr"], "en"],
  ["en", ["zh-CN"], "en"],
  ["klingon", ["zh-CN"], "zh"],
])("who chose %s and whose browser prefers %s reads %s", (chosen, preferred, language) => {
  expect(languageOf(chosen, preferred)).toBe(language);
});
