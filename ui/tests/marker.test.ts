import { expect, test } from "vitest";
import { markerOf } from "../src/pure/marker";

test("step markers are recognised, also in colour", () => {
  expect(markerOf("STEP_START:Build [id=a]")).toEqual({ kind: "start", text: "Build [id=a]" });
  expect(markerOf("\u001b[32m  STEP_COMPLETE:Build\u001b[0m")).toEqual({
    kind: "complete",
    text: "Build",
  });
  expect(markerOf("STEP_ERROR:no space left")).toEqual({ kind: "error", text: "no space left" });
});

test("artifacts may be paths and addresses", () => {
  expect(markerOf("ARTIFACT:dist/a.txt:A report")).toEqual({
    kind: "artifact",
    path: "dist/a.txt",
    description: "A report",
  });
  expect(markerOf("ARTIFACT:https://h.test:8080/a:Page")).toEqual({
    kind: "artifact",
    path: "https://h.test:8080/a",
    description: "Page",
  });
});

test("metadata keeps colons in its value", () => {
  expect(markerOf("META:url:http://h/p")).toEqual({
    kind: "meta",
    key: "url",
    value: "http://h/p",
  });
});

test("text that only looks alike stays text", () => {
  for (const text of [
    "MY_STEP_START:x",
    "echo STEP_START:x",
    "charset-META:utf-8",
    "META:key",
    "hello",
  ]) {
    expect(markerOf(text)).toBeNull();
  }
});
