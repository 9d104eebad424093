/** A part of a page that is read from the server, again and again while it is shown, and says what went wrong. */

import { socket } from "./socket.svelte";

export class Polled<T> {
  value: T | null = $state.raw(null);
  problem = $state("");
  readonly #read: () => Promise<T>;

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

  async refresh(): Promise<void> {
    try {
      this.value = await this.#read();
      this.problem = "";
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }
}
