import { expect, test } from "vitest";
import type { Execution } from "../src/live/model";
import { draftOf, emptyDraft, wantedOf } from "../src/pure/draft";

test("only what was filled in is sent", () => {
  expect(wantedOf({ ...emptyDraft(), command: " make test " }).wanted).toEqual({
    command: "make test",
  });
});

test("every field reaches the request", () => {
  const { wanted } = wantedOf({
    kind: "list",
    command: "echo\na  b\n\n",
    name: "n",
    directory: "/srv",
    environment: [{ name: "A", value: "1" }],
    secrets: [{ name: "KEY", value: "s" }],
    tags: "x, y,",
    timeout: "60",
    grace: "0.5",
    maxLogBytes: "1e6",
    metadata: '{"ticket": 42}',
    tty: true,
    window: "40 x 132",
    keepBackground: true,
    user: "anna",
    stdin: true,
    isFlat: true,
    dialects: "auto, tap",
    emulate: ["github"],
    sections: [
      { start: "^== (.*)", end: "^--", title: "1" },
      { start: "", end: "", title: "" },
    ],
    isTraced: true,
  });
  expect(wanted).toEqual({
    command: ["echo", "a  b"],
    name: "n",
    working_directory: "/srv",
    environment: { A: "1" },
    secret_environment: { KEY: "s" },
    tags: ["x", "y"],
    timeout: 60,
    grace: 0.5,
    max_log_bytes: 1_000_000,
    metadata: { ticket: 42 },
    tty: true,
    window: [40, 132],
    keep_background: true,
    user: "anna",
    stdin: true,
    nesting: "flat",
    dialects: ["auto", "tap"],
    emulate: ["github"],
    sections: [{ start: "^== (.*)", end: "^--", title: 1 }],
    trace: "bash",
  });
});

test("a marker language alone is a name, all or none is a word", () => {
  const wanted = (dialects: string) =>
    wantedOf({ ...emptyDraft(), command: "x", dialects }).wanted?.dialects;
  expect([" ", "auto", "none", "tap"].map(wanted)).toEqual([undefined, "auto", "none", ["tap"]]);
});

test("each mistake is named at its field", () => {
  const bad = {
    ...emptyDraft(),
    timeout: "-1",
    grace: "soon",
    metadata: "[1]",
    environment: [{ name: "", value: "x" }],
  };
  const { wanted, problems } = wantedOf(bad);
  expect(wanted).toBeNull();
  expect(Object.keys(problems).sort()).toEqual([
    "command",
    "environment",
    "grace",
    "metadata",
    "timeout",
  ]);
});

test("repeating an execution asks for its secrets again", () => {
  const execution = {
    command: "echo hi",
    argv: ["echo", "hi"],
    name: "e",
    working_directory: null,
    environment: {},
    secret_names: ["KEY"],
    tags: ["a", "b"],
    timeout: null,
    grace: 10,
    max_log_bytes: null,
    metadata: {},
    tty: false,
    keep_background: false,
    dialects: ["auto", "tap"],
    emulate: [],
    sections: [{ start: "a", end: "b", title: 2 }],
    trace: null,
  } as unknown as Execution;
  const draft = draftOf(execution);
  expect(draft.secrets).toEqual([{ name: "KEY", value: "" }]);
  expect(draft).toMatchObject({ kind: "list", command: "echo\nhi", tags: "a, b", timeout: "" });
  expect(draft.dialects).toBe("auto, tap");
  expect(draft.sections).toEqual([{ start: "a", end: "b", title: "2" }]);
});

test("a size of the terminal is two whole numbers, and is sent with a terminal only", () => {
  const draft = { ...emptyDraft(), command: "top", tty: true };
  expect(wantedOf({ ...draft, window: "wide" }).problems).toEqual({ window: true });
  expect(wantedOf({ ...draft, window: "24×80" }).wanted?.window).toEqual([24, 80]);
  expect(wantedOf({ ...draft, window: "24×80", tty: false }).wanted?.window).toBeUndefined();
});
