import { expect, test } from "vitest";
import { parseLine } from "../src/pure/ansi";
import { occurrences, pieces } from "../src/pure/pieces";

test("a link is cut out without the punctuation behind it", () => {
  const found = pieces(parseLine("see https://example.test/a?b=1, then").spans);
  expect(found.map((piece) => [piece.text, piece.href])).toEqual([
    ["see ", null],
    ["https://example.test/a?b=1", "https://example.test/a?b=1"],
    [", then", null],
  ]);
});

test("only http links are links", () => {
  const found = pieces(parseLine("javascript://alert(1) file:///etc/passwd data://x").spans);
  expect(found.every((piece) => piece.href === null)).toBe(true);
});

test("a hit may cross a change of colour", () => {
  const { spans } = parseLine("ab\u001b[31mcd");
  const found = pieces(spans, [{ start: 1, end: 3 }]);
  expect(found.map((piece) => [piece.text, piece.isHit])).toEqual([
    ["a", false],
    ["b", true],
    ["c", true],
    ["d", false],
  ]);
});

test("the pieces together are the whole text", () => {
  const { spans } = parseLine("x https://a.test \u001b[1my\u001b[0m z");
  const whole = spans.map((span) => span.text).join("");
  const found = pieces(spans, occurrences(whole, "a", false));
  expect(found.map((piece) => piece.text).join("")).toBe(whole);
});

test("occurrences do not overlap and mind the case only when asked", () => {
  expect(occurrences("aaAa", "aa", false)).toHaveLength(2);
  expect(occurrences("aaAa", "aa", true)).toHaveLength(1);
  expect(occurrences("abc", "", false)).toEqual([]);
});
