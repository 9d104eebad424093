import { expect, test } from "vitest";
import { plainText } from "../src/pure/ansi";
import { shownHits } from "../src/pure/hits";

function marked(text: string, wanted: RegExp): string[] {
  const ranges = [...text.matchAll(wanted)].map(
    (hit) => [hit.index, hit.index + hit[0].length] as const,
  );
  return shownHits(text, ranges).map(({ start, end }) => plainText(text).slice(start, end));
}

test("a hit on plain text stays where it is", () => {
  expect(shownHits("an error here", [[3, 8]])).toEqual([{ start: 3, end: 8 }]);
});

test("a hit on a coloured line is the same text", () => {
  expect(marked("\u001b[31mE \u001b[1massert\u001b[0m 1 == 2", /assert|2/g)).toEqual([
    "assert",
    "2",
  ]);
});

test("a hit that spans a change of colour is whole", () => {
  expect(marked("\u001b[32mdown\u001b[33mload\u001b[0m", /down.*load/g)).toEqual(["download"]);
});

test("a hit in a state that was redrawn is not shown", () => {
  expect(marked("50% a\r100% a\r", /a/g)).toEqual(["a"]);
  expect(shownHits("50% a\r100% a", [[4, 5]])).toEqual([]);
});
