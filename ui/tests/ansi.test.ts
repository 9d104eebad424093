import { describe, expect, test } from "vitest";
import { parseLine, PLAIN, plainText, RGB, states, type Span } from "../src/pure/ansi";

const ESC = "\u001b";

function only(text: string): Span {
  const { spans } = parseLine(text);
  if (spans.length !== 1 || !spans[0]) throw new Error(`not one span: ${text}`);
  return spans[0];
}

describe("colours and weights", () => {
  test("plain text is one plain span", () => {
    expect(only("hello")).toEqual({ text: "hello", style: PLAIN });
  });

  test("the sixteen colours and the switches are understood", () => {
    expect(only(`${ESC}[1;31mx`).style).toMatchObject({ bold: true, fg: 1 });
    expect(only(`${ESC}[97;104mx`).style).toMatchObject({ fg: 15, bg: 12 });
    expect(only(`${ESC}[3;4;9;7mx`).style).toMatchObject({
      italic: true,
      underline: true,
      strike: true,
      inverse: true,
    });
  });

  test("256 colours and truecolor work with semicolons and with colons", () => {
    expect(only(`${ESC}[38;5;208mx`).style.fg).toBe(208);
    expect(only(`${ESC}[48;2;1;2;3mx`).style.bg).toBe(RGB | 0x010203);
    expect(only(`${ESC}[38:2::255:0:16mx`).style.fg).toBe(RGB | 0xff0010);
    expect(only(`${ESC}[38:5:9mx`).style.fg).toBe(9);
  });

  test("what follows an extended colour is not swallowed", () => {
    expect(only(`${ESC}[38;5;9;1mx`).style).toMatchObject({ fg: 9, bold: true });
  });

  test("a style goes on into the next line until it is reset", () => {
    const first = parseLine(`${ESC}[31mred`);
    expect(parseLine("still red", first.end).spans[0]?.style.fg).toBe(1);
    expect(parseLine(`${ESC}[mplain`, first.end).spans[0]?.style).toBe(PLAIN);
  });

  test("an invalid colour changes nothing", () => {
    expect(only(`${ESC}[38;5;900mx`).style.fg).toBeNull();
    expect(only(`${ESC}[38;2;900;0;0mx`).style.fg).toBeNull();
  });
});

describe("what is dropped", () => {
  test("links and the clipboard leave only their text", () => {
    expect(
      plainText(`a${ESC}]8;;https://evil.test${ESC}\\b${ESC}]8;;\u0007c${ESC}]52;c;aGk=\u0007d`),
    ).toBe("abcd");
  });

  test("cursor movement, erasing, titles and device strings show nothing", () => {
    expect(
      plainText(`${ESC}[2K${ESC}[10;3Ha${ESC}[?25l${ESC}]0;title\u0007${ESC}P+q${ESC}\\b${ESC}(Bc`),
    ).toBe("abc");
  });

  test("an escape that never ends hides no other line's text and raises nothing", () => {
    expect(plainText(`a${ESC}[31`)).toBe("a");
    expect(plainText(`a${ESC}]8;;never`)).toBe("a");
    expect(plainText(`a${ESC}`)).toBe("a");
  });

  test("control characters are drawn as pictures", () => {
    expect(plainText("a\u0000b\u007fc\u0007")).toBe("a\u2400b\u2421c");
  });

  test("script tags stay text", () => {
    expect(plainText("<script>alert(1)</script>")).toBe("<script>alert(1)</script>");
  });
});

describe("redrawn lines", () => {
  test("the last state that shows anything is kept", () => {
    const line = parseLine("10%\r20%\r100%\r");
    expect(line.spans.map((span) => span.text)).toEqual(["100%"]);
    expect(line.updates).toBe(3);
  });

  test("the colour of an earlier state goes on", () => {
    expect(parseLine(`${ESC}[32m1\r2`).spans[0]).toMatchObject({ text: "2", style: { fg: 2 } });
  });

  test("blank states are not counted", () => {
    expect(parseLine("\r   \rdone\r\r").updates).toBe(1);
  });

  test("all states can be listed", () => {
    expect(states("a\r\rb\r")).toEqual(["a", "b"]);
  });

  test("a backspace takes one character back", () => {
    expect(plainText("ab\b\bxy")).toBe("xy");
  });
});
