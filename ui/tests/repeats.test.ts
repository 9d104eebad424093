import { expect, test } from "vitest";
import { repeats } from "../src/pure/repeats";

test("the same line again is folded under its first", () => {
  expect(repeats(["a", "wait", "wait", "wait", "wait", "b"], 100)).toEqual([
    { first: 102, last: 104, kind: "same" },
  ]);
});

test("few repetitions, and blank lines, stay", () => {
  expect(repeats(["a", "a", "a", "b", "", "", "", "", ""], 0)).toEqual([]);
});

test("the frames of a trace are folded under its head, its error stays", () => {
  const python = [
    "Traceback (most recent call last):",
    '  File "/srv/a.py", line 12, in <module>',
    "    main()",
    '  File "/srv/b.py", line 8, in main',
    "    run()",
    "    ^^^^^",
    "ValueError: no",
  ];
  expect(repeats(python, 10)).toEqual([{ first: 11, last: 15, kind: "frames" }]);
  const java = [
    "Exception in thread main",
    ..."abcd".split("").map((x) => `\tat com.x.${x}(F.java:1)`),
  ];
  expect(repeats([...java, "\t... 12 more", "after"], 0)).toEqual([
    { first: 1, last: 5, kind: "frames" },
  ]);
});

test("one fold begins behind the other", () => {
  const lines = ["x", "x", "x", "x", "y", "y", "y", "y"];
  expect(repeats(lines, 0)).toEqual([
    { first: 1, last: 3, kind: "same" },
    { first: 5, last: 7, kind: "same" },
  ]);
});
