/** New lines for a screen reader, now and then and only the newest: nobody listens as fast as logs grow. */

import { spokenLines } from "../pure/spoken";
import { words } from "../words/words";
import { announcer } from "./announcer.svelte";
import type { Transcript } from "./transcript.svelte";

const EVERY_MS = 4000;
const MOST_LOOKED_AT = 200;

/** Lines that come from now on, until the result is called; then those that are left. */
export function readAloud(transcript: Transcript): () => void {
  let told = transcript.lineCount;
  const tell = (): void => {
    const end = wholeLines(transcript);
    if (end <= told) return;
    const first = Math.max(told, end - MOST_LOOKED_AT);
    const texts = Array.from(
      { length: end - first },
      (_, index) => transcript.line(first + index)?.text ?? "",
    );
    for (const text of spokenLines(texts, end - told, words.announced.lines)) announcer.say(text);
    told = end;
  };
  const timer = window.setInterval(tell, EVERY_MS);
  return () => {
    window.clearInterval(timer);
    tell();
  };
}

function wholeLines(transcript: Transcript): number {
  const { lineCount } = transcript;
  return transcript.line(lineCount - 1)?.isPartial ? lineCount - 1 : lineCount;
}
