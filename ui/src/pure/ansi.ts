/** A line of terminal output as styled spans of plain text.
 * Only colours, weights and links to the web (OSC 8) survive: the clipboard (OSC 52), images, titles and cursor
 * movement are dropped, and a line redrawn with carriage returns is its last state that shows anything. */

/** 0..255 is the palette; `RGB | 0xrrggbb` a colour of its own. */
export type Colour = number;
export const RGB = 0x1000000;

export interface Style {
  readonly fg: Colour | null;
  readonly bg: Colour | null;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly strike: boolean;
  readonly inverse: boolean;
  readonly hidden: boolean;
  /** Where OSC 8 links to: http or https, nothing else. */
  readonly href: string | null;
}

export const PLAIN: Style = {
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
  hidden: false,
  href: null,
};

export interface Span {
  text: string;
  style: Style;
}

export interface ParsedLine {
  spans: Span[];
  /** The style that the next line begins with. */
  end: Style;
  /** How many states the line showed, one over the other. */
  updates: number;
}

const SPECIAL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;

export function parseLine(text: string, start: Style = PLAIN): ParsedLine {
  let style = start;
  let shown: Span[] = [];
  let current: Span[] = [];
  let updates = 0;

  const print = (piece: string): void => {
    const last = current.at(-1);
    if (last && last.style === style) last.text += piece;
    else if (piece) current.push({ text: piece, style });
  };
  const redraw = (): void => {
    if (current.some((span) => span.text.trim() !== "")) {
      shown = current;
      updates += 1;
    }
    current = [];
  };

  let at = 0;
  while (at < text.length) {
    SPECIAL.lastIndex = at;
    const match = SPECIAL.exec(text);
    if (!match) {
      print(text.slice(at));
      break;
    }
    if (match.index > at) print(text.slice(at, match.index));
    const code = match[0].charCodeAt(0);
    at = match.index + 1;
    if (code === 0x0d) redraw();
    else if (code === 0x08) backspace(current);
    else if (code === 0x1b || code >= 0x80) {
      const sequence = readSequence(text, match.index);
      at = sequence.end;
      if (sequence.final === "m") style = applySgr(style, sequence.parameters);
      else if (sequence.final === "G" && Number(sequence.parameters || "1") <= 1) redraw();
      else if (sequence.final === "]") style = linked(style, sequence.parameters);
    } else if (code !== 0x07 && code !== 0x0a) print(picture(code));
  }
  redraw();
  // An open link ends with its line: else one lost terminator would make the whole log a link.
  return { spans: shown, end: linked(style, "8;;"), updates };
}

/** What the line shows, without any styling. */
export function plainText(text: string): string {
  return parseLine(text)
    .spans.map((span) => span.text)
    .join("");
}

/** Every state that a redrawn line showed, oldest first. */
export function states(text: string): string[] {
  return text
    .split("\r")
    .map(plainText)
    .filter((state) => state.trim() !== "");
}

function backspace(spans: Span[]): void {
  const last = spans.at(-1);
  if (!last) return;
  last.text = last.text.slice(0, -1);
  if (last.text === "") spans.pop();
}

/** Unicode's picture of a control character, so that nothing is invisible. */
function picture(code: number): string {
  return code === 0x7f ? "\u2421" : String.fromCharCode(0x2400 + code);
}

interface Sequence {
  end: number;
  /** The final character of a CSI sequence, "]" for an operating system command, or "" for every other kind. */
  final: string;
  parameters: string;
}

function readSequence(text: string, from: number): Sequence {
  const first = text.charCodeAt(from);
  const kind = first === 0x1b ? text.charAt(from + 1) : String.fromCharCode(first - 0x40);
  const body = from + (first === 0x1b ? 2 : 1);
  if (kind === "[") return readCsi(text, body);
  if (kind === "]") {
    const end = stringEnd(text, body);
    return { end, final: "]", parameters: text.slice(body, Math.min(end, body + LONGEST_COMMAND)) };
  }
  if (kind !== "" && "PX^_".includes(kind)) return { end: stringEnd(text, body), ...NOTHING };
  if (first !== 0x1b) return { end: body, ...NOTHING };
  let at = from + 1;
  while (at < text.length && text.charCodeAt(at) >= 0x20 && text.charCodeAt(at) <= 0x2f) at += 1;
  const final = text.charCodeAt(at);
  return { end: final >= 0x30 && final <= 0x7e ? at + 1 : at, ...NOTHING };
}

const NOTHING = { final: "", parameters: "" };

function readCsi(text: string, from: number): Sequence {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code >= 0x40 && code <= 0x7e) {
      return { end: at + 1, final: text.charAt(at), parameters: text.slice(from, at) };
    }
    if (code < 0x20 || code > 0x3f) break;
    at += 1;
  }
  return { end: at, ...NOTHING };
}

/** Behind the terminator (BEL, ESC \ or ST) of a control string; an open one hides the rest of the line. */
function stringEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x07 || code === 0x9c) return at + 1;
    if (code === 0x1b) return text.charAt(at + 1) === "\\" ? at + 2 : at;
  }
  return text.length;
}

const LONGEST_COMMAND = 4096;
const LINK = /^8;[^;]*;([^\u0000-\u001f\u007f-\u009f]*)/;

function linked(style: Style, command: string): Style {
  const found = LINK.exec(command);
  if (!found) return style;
  const address = found[1] ?? "";
  const href = /^https?:\/\//i.test(address) && URL.canParse(address) ? address : null;
  return href === style.href ? style : interned({ ...style, href });
}

const SWITCHES: Record<number, Partial<Style>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  8: { hidden: true },
  9: { strike: true },
  21: { underline: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  28: { hidden: false },
  29: { strike: false },
  39: { fg: null },
  49: { bg: null },
};

function applySgr(style: Style, parameters: string): Style {
  if (/[^\d;:]/.test(parameters)) return style;
  let next = style;
  const fields = parameters.split(";");
  for (let at = 0; at < fields.length; at += 1) {
    const parts = (fields[at] ?? "").split(":");
    const code = Number(parts[0] || "0");
    if (code === 0) next = { ...PLAIN, href: style.href };
    else if (code === 38 || code === 48) {
      const colon = parts.length > 1;
      const rest = colon ? parts.slice(1) : fields.slice(at + 1, at + 5);
      const { colour, used } = extendedColour(rest, colon);
      if (!colon) at += used;
      if (colour !== null) next = { ...next, [code === 38 ? "fg" : "bg"]: colour };
    } else if (code === 4 && parts.length > 1) next = { ...next, underline: parts[1] !== "0" };
    else if (code >= 30 && code <= 37) next = { ...next, fg: code - 30 };
    else if (code >= 40 && code <= 47) next = { ...next, bg: code - 40 };
    else if (code >= 90 && code <= 97) next = { ...next, fg: code - 82 };
    else if (code >= 100 && code <= 107) next = { ...next, bg: code - 92 };
    else if (SWITCHES[code]) next = { ...next, ...SWITCHES[code] };
  }
  return next === style ? next : interned(next);
}

function extendedColour(fields: string[], colon: boolean): { colour: Colour | null; used: number } {
  const numbers = fields.map((field) => Number(field || "0"));
  if (numbers[0] === 5) {
    const index = numbers[1] ?? 256;
    return { colour: index <= 255 ? index : null, used: 2 };
  }
  if (numbers[0] === 2) {
    // With colons a colour space may stand before the three values: 38:2::R:G:B.
    const [r = 0, g = 0, b = 0] = colon && numbers.length > 4 ? numbers.slice(2) : numbers.slice(1);
    const valid = [r, g, b].every((value) => value <= 255);
    return { colour: valid ? RGB | (r << 16) | (g << 8) | b : null, used: 4 };
  }
  return { colour: null, used: 1 };
}

const known = new Map<string, Style>();
const PLAIN_KEY = "null,null,0000000,";

/** One object per style, so that styles compare by identity; forgotten when a script invents thousands. */
function interned(style: Style): Style {
  const flags = [
    style.bold,
    style.dim,
    style.italic,
    style.underline,
    style.strike,
    style.inverse,
    style.hidden,
  ];
  const key = `${style.fg},${style.bg},${flags.map(Number).join("")},${style.href ?? ""}`;
  if (key === PLAIN_KEY) return PLAIN;
  const found = known.get(key);
  if (found) return found;
  if (known.size > 4096) known.clear();
  known.set(key, style);
  return style;
}
