/** Terminal colours that can be read on both themes (contrast ≥ 4.5:1, or 7:1 for who wants more).
 * A colour is returned as CSS `light-dark(…)`, so that changing the theme draws nothing again. */

import { RGB, type Colour, type Style } from "./ansi";

type Rgb = readonly [number, number, number];

const LIGHT_PAGE: Rgb = [255, 255, 255];
const DARK_PAGE: Rgb = [13, 17, 23];
export const READABLE = 4.5;
export const ENHANCED = 7;

const LIGHT = hexes(
  "24292f b3202b 116329 7d4e00 0550ae 6f42c1 136a70 57606a 57606a cf222e 1a7f37 8a5a00 0969da 8250df 1b7c83 32383f",
);
const DARK = hexes(
  "8b949e ff7b72 3fb950 d29922 58a6ff bc8cff 39c5cf b1bac4 848d97 ffa198 56d364 e3b341 79c0ff d2a8ff 56d4dd ffffff",
);
/** As a background a colour is what the script meant, on both themes. */
const GROUND = hexes(
  "24292f cf222e 1a7f37 bf8700 0969da 8250df 1b7c83 d0d7de 6e7781 ff8182 4ac26b d4a72c 54aeff c297ff 3fb8c0 f6f8fa",
);

export interface Paint {
  color: string | undefined;
  background: string | undefined;
}

const paints = new WeakMap<Style, Paint>();

/** `least` is the contrast of all text of this page. */
export function paint(style: Style, least = READABLE): Paint {
  const found = paints.get(style);
  if (found) return found;
  const made = mix(style, least);
  paints.set(style, made);
  return made;
}

function mix(style: Style, least: number): Paint {
  const { fg, bg } = style.inverse ? { fg: style.bg, bg: style.fg } : style;
  if (style.inverse && bg === null) {
    return {
      color: fg === null ? "var(--log-ground)" : hex(ground(fg)),
      background: "var(--log-text)",
    };
  }
  if (bg !== null) {
    const under = ground(bg);
    const over =
      fg === null
        ? contrast([255, 255, 255], under) >= least
          ? [255, 255, 255]
          : [0, 0, 0]
        : ground(fg);
    const text = readable(over as unknown as Rgb, under, least);
    // Between black and white there are grounds on which nothing has 7:1: those give way too.
    return { color: hex(text), background: hex(readable(under, text, least)) };
  }
  if (fg === null) return { color: undefined, background: undefined };
  return {
    color: `light-dark(${hex(onLight(fg, least))}, ${hex(onDark(fg, least))})`,
    background: undefined,
  };
}

export function onLight(colour: Colour, least = READABLE): Rgb {
  return readable(colour < 16 ? at(LIGHT, colour) : ground(colour), LIGHT_PAGE, least);
}

export function onDark(colour: Colour, least = READABLE): Rgb {
  return readable(colour < 16 ? at(DARK, colour) : ground(colour), DARK_PAGE, least);
}

/** The colour as the script meant it. */
function ground(colour: Colour): Rgb {
  if (colour >= RGB) return [(colour >> 16) & 255, (colour >> 8) & 255, colour & 255];
  if (colour < 16) return at(GROUND, colour);
  if (colour >= 232) {
    const grey = 8 + (colour - 232) * 10;
    return [grey, grey, grey];
  }
  const cube = colour - 16;
  const level = (value: number): number => (value === 0 ? 0 : 55 + value * 40);
  return [level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)];
}

/** The colour, moved towards black or white until it can be read on `under`. */
export function readable(colour: Rgb, under: Rgb, least = READABLE): Rgb {
  const goal: Rgb = luminance(under) > 0.18 ? [0, 0, 0] : [255, 255, 255];
  for (let part = 0; part <= 1; part += 0.05) {
    const mixed = colour.map((value, i) => Math.round(value + (at(goal, i) - value) * part));
    if (contrast(mixed as unknown as Rgb, under) >= least) return mixed as unknown as Rgb;
  }
  return goal;
}

/** Contrast ratio of WCAG 2. */
export function contrast(a: Rgb, b: Rgb): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function hexes(words: string): Rgb[] {
  return words.split(" ").map((word) => {
    const value = parseInt(word, 16);
    return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
  });
}

function hex(colour: Rgb): string {
  return `#${colour.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

function at<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new RangeError(`no entry ${index}`);
  return value;
}
