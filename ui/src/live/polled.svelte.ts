/** A part of a page that is read from the server, again and again while it is shown, and says what went wrong. */

import { socket } from "./socket.svelte";

export class Polled<T> {
  value: T | null = $state.raw(null);
  problem = $state("");
  readonly #read: () => Promise<T>;
  #asked = 0;
  #answered = 0;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** Every so many milliseconds while the page can be seen, until the returned function is called. */
  watch(everyMs: number): () => void {
    const timer = window.setInterval(() => {
      if (!document.hidden) void this.refresh();
    }, everyMs);
    const stopCatchUp = socket.onCatchUp(() => this.refresh());
    void this.refresh();
    return () => {
      window.clearInterval(timer);
      stopCatchUp();
    };
  }

  /** Answers may overtake each other: what was asked later says what holds now. */
  async refresh(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const value = await this.#read();
      if (asked < this.#answered) return;
      this.value = value;
      this.problem = "";
    } catch (error) {
      if (asked < this.#answered) return;
      this.problem = (error as Error).message;
    }
    this.#answered = asked;
  }
}
