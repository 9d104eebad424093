/** Copies of a log: clean text, of lines that are here or that the server has. */

import { api } from "../live/api";
import type { Reading } from "../live/reading.svelte";
import { plainText } from "../pure/ansi";
import { formatAnchor } from "../pure/cursor";
import { asMarkdown, selectedText, type Selected } from "../pure/selection";
import { bytes } from "../pure/time";
import { words } from "../words/words";
import { copyText } from "./clipboard";

const MAX_BYTES = 8_000_000;
const MOST_HERE = 2000;

export async function copySelection(reading: Reading, selected: Selected): Promise<void> {
  const text = await textOf(reading, selected);
  if (text === null) return;
  await copyText(text);
  reading.notify(words.log.linesCopied(selected.to.line - selected.from.line + 1));
}

/** Whole lines, quoted and with their address: those of the selection, or the chosen ones. */
export async function copyMarkdown(reading: Reading, selected: Selected | null): Promise<void> {
  const { first, last } = selected
    ? { first: selected.from.line, last: selected.to.line }
    : reading.chosen();
  const whole = { from: { line: first, column: 0 }, to: { line: last, column: Infinity } };
  const text = await textOf(reading, whole);
  if (text === null) return;
  const label = words.log.linesOf(reading.view.execution?.name ?? "", first + 1, last + 1);
  const address = location.origin + location.pathname + formatAnchor({ first, last });
  await copyText(asMarkdown(text, label, address));
  reading.notify(words.log.linesCopied(last - first + 1));
}

/** Null when it is too large, and a download is offered instead. */
async function textOf(reading: Reading, selected: Selected): Promise<string | null> {
  const { from, to } = selected;
  const here = textsHere(reading, from.line, to.line);
  if (here) return selectedText(here, selected);
  const range = api.rangeHref(reading.view.id, from.line, to.line);
  const size = Number((await api.head(range)).get("content-length"));
  if (size > MAX_BYTES) {
    reading.offer = { text: words.log.tooLarge(bytes(size)), href: `${range}&download=1` };
    return null;
  }
  const raw = (await api.text(range)).replace(/\n$/, "");
  return selectedText(raw.split("\n").map(plainText), selected);
}

/** The plain texts of lines, if all of them are here. */
function textsHere(reading: Reading, first: number, last: number): string[] | null {
  if (last - first > MOST_HERE) return null;
  const texts: string[] = [];
  for (let number = first; number <= last; number += 1) {
    const line = reading.view.transcript.line(number);
    if (!line || line.isClipped) return null;
    texts.push(plainText(line.text));
  }
  return texts;
}
