import { expect, test } from "vitest";
import { asMarkdown, ordered, selectedText } from "../src/pure/selection";

const a = { line: 3, column: 5 };
const b = { line: 7, column: 2 };

test("a selection reads forwards, in whatever direction it was made", () => {
  expect(ordered(a, b)).toEqual({ from: a, to: b });
  expect(ordered(b, a)).toEqual({ from: a, to: b });
  expect(ordered(a, { line: 3, column: 1 })).toEqual({ from: { line: 3, column: 1 }, to: a });
  expect(ordered(a, { ...a })).toBeNull();
});

test("the first and the last line are cut, also when they are one", () => {
  const cut = (texts: string[], from: number, to: number): string =>
    selectedText(texts, {
      from: { line: 0, column: from },
      to: { line: texts.length, column: to },
    });
  expect(cut(["first line", "between", "last line"], 6, 4)).toBe("line\nbetween\nlast");
  expect(cut(["one line"], 4, 6)).toBe("li");
  expect(cut(["one line"], 0, Infinity)).toBe("one line");
  expect(cut([], 0, 3)).toBe("");
});

test("Markdown quotes text that has fences of its own", () => {
  expect(asMarkdown("a\n```\nb", "run [1], line 3", "http://x/#L3")).toBe(
    "[run \\[1\\], line 3](http://x/#L3)\n\n````\na\n```\nb\n````\n",
  );
});
