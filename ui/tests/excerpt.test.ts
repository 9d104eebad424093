import { expect, test } from "vitest";
import { excerpt } from "../src/pure/excerpt";

function marked(text: string, at: number, length: number): { text: string; hits: string[] } {
  const { spans, hits } = excerpt(text, [[at, at + length]]);
  const shown = spans.map((span) => span.text).join("");
  return { text: shown, hits: hits.map(({ start, end }) => shown.slice(start, end)) };
}

test("a line that has room is whole", () => {
  expect(marked("an error here", 3, 5)).toEqual({ text: "an error here", hits: ["error"] });
});

test("of a long line the text around its first hit is shown", () => {
  const { text, hits } = marked("x".repeat(5000) + "needle" + "y".repeat(5000), 5000, 6);
  expect(hits).toEqual(["needle"]);
  expect(text.length).toBeLessThan(500);
  expect(text.startsWith("…xx")).toBe(true);
});

test("a hit that is itself too long is cut", () => {
  const { text, hits } = marked("z".repeat(9000), 0, 9000);
  expect(hits).toEqual([text]);
});
