import { expect, test } from "vitest";
import { prettyJson } from "../src/pure/json";

test("an object is laid out, also behind a prefix", () => {
  expect(prettyJson('{"a":1,"b":[true]}')).toBe('{\n  "a": 1,\n  "b": [\n    true\n  ]\n}');
  expect(prettyJson('12:00 INFO {"a":1} ')).toBe('{\n  "a": 1\n}');
});

test.each(["plain", "{", "{}", "if (x) { return; }", '{"a": }', '"{" and "}"', "[1, 2]"])(
  "%s is no object",
  (text) => {
    expect(prettyJson(text)).toBeNull();
  },
);

test("a line that is too long is left as it is", () => {
  expect(prettyJson(`{"a":"${"x".repeat(70_000)}"}`)).toBeNull();
});
