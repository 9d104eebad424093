import { expect, test } from "vitest";
import { markdownHtml } from "../src/pure/markdown";

const none = (): null => null;

test("markdown becomes headings, lists, tables and code", () => {
  const html = markdownHtml("# A\n\n- **b**\n\n| c | d |\n|---|--:|\n| 1 | 2 |\n", none);
  expect(html).toContain("<h1>A</h1>");
  expect(html).toContain("<strong>b</strong>");
  expect(html).toContain('<td class="right">2</td>');
  expect(html).not.toContain("style=");
});

test.each([
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](data:text/html;base64,PHNjcmlwdD4=)",
  "[x](vbscript:x)",
  "[x](/api/executions)",
  '[x](https://a.example "\\" onmouseover=alert(1)")',
  "![x](https://elsewhere.example/pixel.png)",
  "![x](javascript:alert(1))",
  "<a href='javascript:alert(1)'>x</a>",
  "[x]: javascript:alert(1)\n\n[x]",
])("hostile text is inert: %s", (text) => {
  const html = markdownHtml(text, none);
  expect(html).not.toMatch(/<(?:script|img|iframe)/i);
  expect(html).not.toMatch(/(?:href|src)="(?!https:\/\/a\.example)/i);
  expect(html).not.toMatch(/<[^>]*\son\w+=/i);
});

test("links go to the web or to mail, in another tab that knows nothing of this one", () => {
  const html = markdownHtml("[a](https://a.example/?x=1&y=2) <mailto:b@a.example>", none);
  expect(html).toContain('href="https://a.example/?x=1&amp;y=2" target="_blank" rel="noopener');
  expect(html).toContain('href="mailto:b@a.example"');
});

test("images are those of the artifacts", () => {
  const html = markdownHtml("![a <b>](./plot%201.png) ![gone](no.png)", (name) =>
    name === "plot 1.png" ? "/api/artifacts/1/download?inline=1" : null,
  );
  expect(html).toContain('<img src="/api/artifacts/1/download?inline=1" alt="a &lt;b&gt;"');
  expect(html).toContain("<em>gone</em>");
});
