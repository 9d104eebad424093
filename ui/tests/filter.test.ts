import { expect, test } from "vitest";
import { completion, parsed, termsOf, withTerm, type Known } from "../src/pure/filter";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const KNOWN: Known = {
  tags: ["nightly", "two words"],
  names: ["backup"],
  users: ["anna"],
  metaKeys: ["env"],
};

test("the whole language", () => {
  const text =
    'status:failed,running tag:nightly step:deploy meta.env=prod started:>7d "text in log" some words';
  expect(parsed(text, NOW)).toEqual({
    troubles: [],
    filter: {
      status: "failed,running",
      tag: "nightly",
      step: "deploy",
      meta: "env=prod",
      since: "2026-11-18T12:00:00.000Z",
      log: "text in log",
      q: "some words",
    },
  });
});

test.each([
  ['name:"a b"', { name: "a b" }],
  ["meta.a=1 meta.b:2", { meta: "a=1,b=2" }],
  ["exit:137", { exit: 137 }],
  ["duration:>5m", { min_duration: 300 }],
  ["duration:<1.5h", { max_duration: 5400 }],
  ["duration:10s..1m", { min_duration: 10, max_duration: 60 }],
  ["started:<24h", { until: "2026-11-24T12:00:00.000Z" }],
  ["https://example.org/a", { q: "https://example.org/a" }],
  ["C:\\x", { q: "C:\\x" }],
  ["", {}],
])("%s", (text, filter) => {
  expect(parsed(text, NOW)).toEqual({ troubles: [], filter });
});

test("a day is from its midnight to the next one", () => {
  const { filter } = parsed("started:2026-11-24", NOW);
  expect(Date.parse(filter.until ?? "") - Date.parse(filter.since ?? "")).toBe(86_400_000);
});

test.each([
  ["colour:red", "key"],
  ["status:", "empty"],
  ["status:broken", "status"],
  ["exit:one", "exit"],
  ["duration:5m", "duration"],
  ["duration:>soon", "duration"],
  ["started:>someday", "moment"],
  ["started:7d", "moment"],
  ["meta.env=a,b", "meta"],
  ['"open', "quote"],
  ["tag:a tag:b", "twice"],
])("%s says what is wrong with it", (text, kind) => {
  expect(parsed(text, NOW).troubles.map((trouble) => trouble.kind)).toEqual([kind]);
});

test("terms keep their places", () => {
  expect(termsOf('a  tag:"b c"').map(({ from, to }) => [from, to])).toEqual([
    [0, 1],
    [3, 12],
  ]);
});

test("a term takes the place of its key's", () => {
  expect(withTerm("status:failed word", "status", "running")).toBe("word status:running");
  expect(withTerm('tag:"a b" word', "tag", "")).toBe("word");
  expect(withTerm("", "name", "two words")).toBe('name:"two words"');
});

test.each([
  ["st", ["status:", "step:", "started:"]],
  ["status:f", ["status:failed"]],
  ["word tag:", ["tag:nightly", 'tag:"two words"']],
  ["meta.", ["meta.env="]],
  ["tag:tw", ['tag:"two words"']],
  ['"in a log', []],
])("%s completes to %s", (text, options) => {
  const found = completion(text, text.length, KNOWN);
  // The order is that of the language.
  expect([...found.options].sort()).toEqual([...options].sort());
});
