import { expect, test } from "vitest";
import { formatAnchor, formatCursor, isBefore, parseAnchor, parseCursor } from "../src/pure/cursor";

test("a cursor survives the way to the server and back", () => {
  expect(formatCursor(parseCursor("120:7"))).toBe("120:7");
  expect(parseCursor("120")).toEqual({ line: 120, byte: 0 });
});

test("anything else is no cursor", () => {
  for (const text of ["", "end", "1:", "-1:0", "1:2:3"])
    expect(() => parseCursor(text)).toThrow(RangeError);
});

test("cursors are ordered by line, then byte", () => {
  expect(isBefore({ line: 1, byte: 9 }, { line: 2, byte: 0 })).toBe(true);
  expect(isBefore({ line: 2, byte: 1 }, { line: 2, byte: 1 })).toBe(false);
});

test("addresses count lines from one", () => {
  expect(parseAnchor("#L120")).toEqual({ first: 119, last: 119 });
  expect(parseAnchor("#L120-L180")).toEqual({ first: 119, last: 179 });
  expect(parseAnchor("#L180-120")).toEqual({ first: 119, last: 179 });
  expect(formatAnchor({ first: 119, last: 179 })).toBe("#L120-L180");
  expect(formatAnchor({ first: 0, last: 0 })).toBe("#L1");
});

test("other hashes name no line", () => {
  for (const hash of ["", "#", "#L0", "#Lx", "#L1x", "#main"]) expect(parseAnchor(hash)).toBeNull();
});
