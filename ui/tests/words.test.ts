import { expect, test } from "vitest";
import { en } from "../src/words/en";

const files = import.meta.glob<string>(["../src/**/*.{svelte,ts}", "!../src/words/**"], {
  query: "?raw",
  import: "default",
  eager: true,
});
const source = Object.values(files).join("\n");

/** Read with a key that is computed: `words.status[status]`. */
const BY_KEY =
  /^(theme|palettes|language|bulk|filter\.problem|system\.(curve|tables|findings\.names)|ended|ago|status|outcome|stepStatus|connection|execution\.(views|about)|log\.(time|repeats)|artifacts\.state|failure\.(code|line)|summary\.(levels|testStatus))\./;
/** Read through a shorter name. */
const SHORT: Record<string, string> = {
  form: "t",
  details: "d",
  keys: "keys",
  execution: "h",
  timeline: "t",
  summary: "t",
  input: "t",
  artifacts: "t",
  failure: "f",
  overview: "t",
  trends: "t",
  compare: "t",
  system: "t",
  retention: "t",
  palette: "t",
};

function* leaves(tree: object, path = ""): Generator<string> {
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "object") yield* leaves(value as object, `${path}${key}.`);
    else yield path + key;
  }
}

function isUsed(path: string): boolean {
  const [first = "", ...rest] = path.split(".");
  const names = [`words.${path}`];
  if (SHORT[first]) names.push([SHORT[first], ...rest].join("."));
  if (path.startsWith("system.findings.")) names.push(path.replace("system.findings", "t"));
  if (path.startsWith("list.columns.")) names.push(path.replace("list.", ""));
  return names.some((name) => new RegExp(`\\b${name.replaceAll(".", "\\.")}\\b`).test(source));
}

test("no text of the catalogue is left over", () => {
  const unused = [...leaves(en)].filter((path) => !BY_KEY.test(path) && !isUsed(path));
  expect(unused).toEqual([]);
});

test("components hold no text of their own", () => {
  const texts = Object.entries(files)
    .filter(([name]) => name.endsWith(".svelte"))
    .flatMap(([, text]) => {
      const markup = text.replace(/<(script|style|pre)[^]*?<\/\1>/g, "");
      return [...markup.matchAll(/(?:aria-label|title|placeholder)="([^"{]+)"/g)].map(
        (hit) => hit[1],
      );
    });
  expect(texts).toEqual([]);
});
