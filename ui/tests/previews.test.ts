import { expect, test } from "vitest";
import type { Artifact, Execution } from "../src/live/model";
import { csvRows } from "../src/pure/csv";
import { evidenceOf } from "../src/pure/evidence";
import { lineDiff } from "../src/pure/lineDiff";
import { previewOf } from "../src/pure/preview";

test.each([
  [
    "a,b\n1,2\n",
    [
      ["a", "b"],
      ["1", "2"],
    ],
  ],
  [
    '"a, b","say ""hi"""\r\n1,\n',
    [
      ["a, b", 'say "hi"'],
      ["1", ""],
    ],
  ],
  ['"two\nlines";x\n', [["two\nlines", "x"]]],
  [
    "a\tb\nc\td",
    [
      ["a", "b"],
      ["c", "d"],
    ],
  ],
  ['"open', [["open"]]],
  ["a,", [["a", ""]]],
])("cells of %j", (text, rows) => {
  expect(csvRows(text, 100)).toEqual(rows);
});

test("no more rows than asked for", () => {
  expect(csvRows("1\n2\n3\n", 2)).toEqual([["1"], ["2"]]);
});

test("a difference names what is gone and what is new", () => {
  const found = lineDiff("a\nb\nc\nd", "a\nx\nc\nd");
  expect(found.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
    "same a",
    "gone b",
    "new x",
    "same c",
    "same d",
  ]);
  expect(lineDiff("a", "a")).toEqual([{ kind: "same", text: "a" }]);
});

test("a difference of thousands of lines is not compared, and ends", () => {
  const many = Array.from({ length: 5000 }, (_, n) => `a${n}`).join("\n");
  const other = Array.from({ length: 5000 }, (_, n) => `b${n}`).join("\n");
  expect(lineDiff(many, other)).toHaveLength(10_000);
});

function artifact(file_name: string, mime_type: string, state = "stored"): Artifact {
  return { file_name, mime_type, state } as Artifact;
}

test.each([
  ["a.png", "image/png", "image"],
  ["a.svg", "image/svg+xml", "text"],
  ["a.tsv", "application/octet-stream", "csv"],
  ["a.sarif", "application/octet-stream", "json"],
  ["a.html", "text/html", "html"],
  ["a.bin", "application/octet-stream", null],
])("how %s is shown", (name, type, kind) => {
  expect(previewOf(artifact(name, type))).toBe(kind);
  expect(previewOf(artifact(name, type, "missing"))).toBeNull();
});

function failed(outcome: Execution["outcome"], rest: Partial<Execution> = {}): Execution {
  return { outcome, cancellation: null, memory_peak_bytes: 900, ...rest } as Execution;
}

test("a kill that nobody here asked for speaks for the kernel, with the peak beside it", () => {
  const run = failed({ kind: "killed", signal: 9 });
  expect(evidenceOf(run, [], 1000)).toEqual([
    { kind: "killed_by_kernel", peakBytes: 900, totalBytes: 1000 },
  ]);
  expect(evidenceOf(failed({ kind: "killed", signal: 15 }), [], 1000)).toEqual([]);
});

test.each([
  ["memory_line", "MemoryError"],
  ["memory_line", "terminate called after throwing an instance of 'std::bad_alloc'"],
  ["disk_line", "tar: write error: No space left on device"],
  ["network_line", "curl: (6) Could not resolve host: a.example"],
])("%s: %s", (kind, text) => {
  const found = evidenceOf(failed({ kind: "failed", exit_code: 1 }), [{ number: 7, text }], null);
  expect(found).toEqual([{ kind, line: 7, text }]);
});

test.each([
  [127, "not_found"],
  [126, "not_executable"],
  [139, "command_killed"],
])("exit code %i says more than a number", (exit_code, kind) => {
  const found = evidenceOf(failed({ kind: "failed", exit_code }), [], null);
  expect(found).toEqual([{ kind, code: exit_code }]);
});
