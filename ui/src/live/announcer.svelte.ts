/** What a screen reader is told, politely: beginnings, ends and errors. The log only where it is wanted. */

import { gathered } from "../pure/spoken";
import { words } from "../words/words";

const GATHER_MS = 250;

class Announcer {
  text = $state("");
  #waiting: string[] = [];
  #timer = 0;

  /** What comes at once is read as one: a later text would replace the one before it. */
  say(text: string): void {
    this.#waiting.push(text);
    this.#timer ||= window.setTimeout(() => this.#tell(), GATHER_MS);
  }

  #tell(): void {
    this.text = gathered(this.#waiting, words.announced.earlier);
    this.#waiting = [];
    this.#timer = 0;
  }
}

export const announcer = new Announcer();
