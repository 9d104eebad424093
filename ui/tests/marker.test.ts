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

test("the edges of other languages' blocks are recognised", () => {
  const starts = [
    "::group::Build",
    "##[group]Build",
    "##teamcity[blockOpened name='Build']",
    "\u001b[0Ksection_start:1700000000:Build\r\u001b[0KHeader",
    "travis_fold:start:Build\r\u001b[0K",
  ];
  for (const line of starts) expect(markerOf(line)).toEqual({ kind: "start", text: "Build" });
  const ends = [
    "::endgroup::",
    "##[endgroup]",
    "##teamcity[blockClosed name='Build']",
    "\u001b[0Ksection_end:1700000000:Build\r\u001b[0K",
    "travis_fold:end:Build\r\u001b[0K",
  ];
  for (const line of ends) expect(markerOf(line)).toEqual({ kind: "complete", text: "" });
});

test("remarks are told by their level, text and place", () => {
  const remark = (level: string, text: string, place = ""): object => ({
    kind: "remark",
    level,
    text,
    place,
  });
  expect(markerOf("::error file=a.c,line=3,col=1::no %3A such%0Asymbol")).toEqual(
    remark("error", "no : such symbol", "a.c:3"),
  );
  expect(markerOf("::warning::slow")).toEqual(remark("warning", "slow"));
  expect(markerOf("##[debug]x = 1")).toEqual(remark("debug", "x = 1"));
  expect(markerOf("##vso[task.logissue type=warning;sourcepath=a.cs;linenumber=7;]odd")).toEqual(
    remark("warning", "odd", "a.cs:7"),
  );
  expect(markerOf("##teamcity[buildProblem description='it|'s |[broken|]|nhere']")).toEqual(
    remark("error", "it's [broken] here"),
  );
  expect(markerOf('STEP_WARNING:low on disk [file=a.sh, line=4, title="Disk"]')).toEqual(
    remark("warning", "low on disk", "a.sh:4"),
  );
});

test("what says nothing to a person is only control", () => {
  for (const line of [
    "::add-mask::***",
    "::set-output name=a::b",
    "##vso[task.setvariable variable=a]b",
    "##teamcity[testStarted name='a']",
    "travis_time:start:0a1b2c\r\u001b[0K",
    "STEP_PROGRESS:1/2",
    "STEP_PARSE_OFF",
  ]) {
    expect(markerOf(line)).toEqual({ kind: "control" });
  }
});

test("what is no command of theirs stays text", () => {
  for (const text of [
    "std::vector::size",
    "::unknown::x",
    "## heading",
    "a ##vso[task.x]b",
    "::",
  ]) {
    expect(markerOf(text)).toBeNull();
  }
});

test("what follows the end of a section on the same line is not hidden", () => {
  const clear = "\r\u001b[0K";
  const end = `section_end:1700000000:a${clear}`;
  const start = `section_start:1700000001:b[collapsed=true]${clear}`;
  expect(markerOf(`${end}\u001b[32;1mJob succeeded\u001b[0;m`)).toBeNull();
  expect(markerOf(`${end}${start}Title`)).toEqual({ kind: "start", text: "b" });
  expect(markerOf(`text ${end}`)).toBeNull();
  const fold = `travis_fold:start:x${clear}travis_time:start:0a${clear}`;
  expect(markerOf(`${fold}$ make`)).toEqual({ kind: "start", text: "x" });
  expect(markerOf(`travis_time:end:0a:start=1,finish=2${clear}done`)).toBeNull();
});
