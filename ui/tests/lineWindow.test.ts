import { describe, expect, test } from "vitest";
import { LineWindow, PAGE_LINES, type NewLine } from "../src/pure/lineWindow";

function line(number: number, text = `line ${number}`, rest: Partial<NewLine> = {}): NewLine {
  return {
    number,
    text,
    at: null,
    lengthBytes: text.length,
    isClipped: false,
    showsEnd: false,
    isPartial: false,
    ...rest,
  };
}

function lines(first: number, count: number, text?: string): NewLine[] {
  return Array.from({ length: count }, (_, index) => line(first + index, text));
}

describe("what is missing", () => {
  test("is the first line that was never fetched", () => {
    const window = new LineWindow();
    window.put(lines(100, 50));
    expect(window.missing(100, 150)).toBeNull();
    expect(window.missing(90, 150)).toBe(90);
    expect(window.missing(120, 200)).toBe(150);
  });
});

describe("memory", () => {
  test("is bounded however many lines come", () => {
    const window = new LineWindow(100_000);
    for (let page = 0; page < 400; page += 1) window.put(lines(page * PAGE_LINES, PAGE_LINES));
    expect(window.size).toBeLessThan(300_000);
    expect(window.line(0)).toBeUndefined();
    expect(window.line(400 * PAGE_LINES - 1)?.text).toBe("line 99999");
  });

  test("keeps the page that is looked at while others are forgotten", () => {
    const window = new LineWindow(300_000);
    window.put(lines(0, PAGE_LINES));
    for (let page = 1; page < 100; page += 1) {
      window.missing(0, 50);
      window.put(lines(page * PAGE_LINES, PAGE_LINES));
    }
    expect(window.line(10)?.text).toBe("line 10");
  });

  test("counts a line once, however often it is put", () => {
    const window = new LineWindow();
    window.put([line(1, "abc")]);
    const { size } = window;
    window.put([line(1, "abc")]);
    expect(window.size).toBe(size);
    window.drop(1);
    expect(window.size).toBe(0);
  });
});

describe("an unfinished line", () => {
  test("grows by what comes", () => {
    const window = new LineWindow();
    window.put([line(7, "down", { isPartial: true })]);
    expect(window.extend(7, "load", 4, false)).toBe(true);
    expect(window.line(7)).toMatchObject({ text: "download", lengthBytes: 8, isPartial: false });
  });

  test("does not grow when its beginning is not here, or when it is finished", () => {
    const window = new LineWindow();
    expect(window.extend(7, "load", 4, false)).toBe(false);
    window.put([line(8)]);
    expect(window.extend(8, "x", 1, false)).toBe(false);
  });

  test("keeps the last states of an endless progress bar", () => {
    const window = new LineWindow();
    window.put([line(0, "", { isPartial: true })]);
    for (let percent = 0; percent < 20_000; percent += 1)
      window.extend(0, `${percent}%\r`, 5, true);
    const text = window.line(0)?.text ?? "";
    expect(text.length).toBeLessThan(40_000);
    expect(text.endsWith("19999%\r")).toBe(true);
  });

  test("keeps the beginning of endless text", () => {
    const window = new LineWindow();
    window.put([line(0, "begin", { isPartial: true })]);
    for (let turn = 0; turn < 100; turn += 1) window.extend(0, "x".repeat(1000), 1000, true);
    expect(window.line(0)).toMatchObject({ isClipped: true, lengthBytes: 100_005 });
    expect(window.line(0)?.text.startsWith("begin")).toBe(true);
  });
});

test("a clipped line that was redrawn needs its end, once", () => {
  const window = new LineWindow();
  const clipped = line(3, "1%\r2%\r", { isClipped: true });
  window.put([line(1), line(2, "long", { isClipped: true }), clipped]);
  expect(window.withoutEnd(0, 10)?.number).toBe(3);
  window.put([{ ...clipped, text: "100%", showsEnd: true }]);
  expect(window.withoutEnd(0, 10)).toBeNull();
});

test("a colour that a line leaves on is known to the next", () => {
  const window = new LineWindow();
  window.put([line(0, "\u001b[31mred"), line(1, "more"), line(2, "\u001b[0mplain"), line(3)]);
  expect(window.line(1)?.start.fg).toBe(1);
  expect(window.line(2)?.start.fg).toBe(1);
  expect(window.line(3)?.start.fg).toBeNull();
});
