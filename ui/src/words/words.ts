/** The catalogue in use. English is its shape: another language that lacks a text is a type error.
 * `words` changes only between two mounts of the page (`live/language`), so nothing has to watch it. */

import { en } from "./en";

export type Words = typeof en;
export let words: Words = en;

export function speak(catalogue: Words): void {
  words = catalogue;
}
