import { describe, expect, it } from "vitest";
import { gathered, spokenLines } from "../src/pure/spoken";

const more = (count: number): string => `${count} more`;

describe("texts that come at once", () => {
  it("are one, in their order", () => {
    expect(gathered(["build: running", "lint: failed"], more)).toBe("build: running. lint: failed");
    expect(gathered([], more)).toBe("");
  });

  it("are the last few where there are many", () => {
    const all = Array.from({ length: 1000 }, (_, index) => `step ${index}`);
    expect(gathered(all, more)).toBe("995 more. step 995. step 996. step 997. step 998. step 999");
  });
});

describe("new lines", () => {
  it("are read without colours, blanks and markers", () => {
    const raw = ["\u001b[31mred\u001b[0m", "", "STEP_START:build", "  plain  "];
    expect(spokenLines(raw, 4, more)).toEqual(["red", "plain"]);
  });

  it("are counted where not all of them are read", () => {
    expect(spokenLines(["a", "b", "c", "d"], 4, more)).toEqual(["4 more", "b", "c", "d"]);
    expect(spokenLines(["c", "d"], 50_000, more)).toEqual(["50000 more", "c", "d"]);
  });

  it("are short enough to be listened to", () => {
    const [text] = spokenLines(["x".repeat(1_000_000)], 1, more);
    expect(text).toBe(`${"x".repeat(160)}…`);
  });

  it("are nothing where nothing can be read", () => {
    expect(spokenLines(["", "META:a:b"], 2, more)).toEqual([]);
  });
});
