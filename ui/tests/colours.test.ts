import { expect, test } from "vitest";
import { parseLine, RGB, type Span } from "../src/pure/ansi";
import { contrast, onDark, onLight, paint, readable } from "../src/pure/colours";

function only(text: string): Span {
  const { spans } = parseLine(text);
  if (spans.length !== 1 || !spans[0]) throw new Error(`not one span: ${text}`);
  return spans[0];
}

function rgb(hex: string | undefined): [number, number, number] {
  const value = parseInt((hex ?? "").slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

test("every palette colour can be read on both pages", () => {
  for (let colour = 0; colour < 256; colour += 1) {
    expect(contrast(onLight(colour), [255, 255, 255]), `light ${colour}`).toBeGreaterThanOrEqual(
      4.5,
    );
    expect(contrast(onDark(colour), [13, 17, 23]), `dark ${colour}`).toBeGreaterThanOrEqual(4.5);
  }
});

test("who wants more contrast gets 7:1, on a colour of its own too", () => {
  for (let colour = 0; colour < 256; colour += 1) {
    expect(contrast(onLight(colour, 7), [255, 255, 255])).toBeGreaterThanOrEqual(7);
    expect(contrast(onDark(colour, 7), [13, 17, 23])).toBeGreaterThanOrEqual(7);
  }
  const { color, background } = paint(only("\u001b[33;44mx").style, 7);
  expect(color).toMatch(/^#/);
  expect(contrast(rgb(color), rgb(background))).toBeGreaterThanOrEqual(7);
});

test("truecolor is moved only as far as reading needs", () => {
  expect(contrast(onLight(RGB | 0xffff00), [255, 255, 255])).toBeGreaterThanOrEqual(4.5);
  expect(onLight(RGB | 0x000080)).toEqual([0, 0, 128]);
});

test("text on a colour of its own can be read as well", () => {
  const colour = readable([200, 30, 30], [190, 40, 40]);
  expect(contrast(colour, [190, 40, 40])).toBeGreaterThanOrEqual(4.5);
});

test("a plain colour is given for both themes", () => {
  const span = only("\u001b[31mx");
  expect(paint(span.style).color).toMatch(/^light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\)$/);
});

test("inverse text without colours takes the page's", () => {
  const span = only("\u001b[7mx");
  expect(paint(span.style)).toEqual({ color: "var(--log-ground)", background: "var(--log-text)" });
});
