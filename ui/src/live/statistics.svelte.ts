/** Figures over all executions, following the news within two seconds. */

import { api } from "./api";
import type { Statistics } from "./model";
import { socket } from "./socket.svelte";

const AFTER_NEWS_MS = 2000;

export class Figures {
  statistics: Statistics | null = $state.raw(null);
  #timer = 0;

  watch(): () => void {
    // Many updates, one question.
    const stopListening = socket.listen(({ type }) => {
      if (type !== "execution_update" && type !== "execution_deleted") return;
      this.#timer ||= window.setTimeout(() => void this.#refresh(), AFTER_NEWS_MS);
    });
    const stopCatchUp = socket.onCatchUp(() => this.#load());
    void this.#refresh();
    return () => {
      stopListening();
      stopCatchUp();
      window.clearTimeout(this.#timer);
    };
  }

  async #load(): Promise<void> {
    this.statistics = await api.statistics();
  }

  /** The list beside it says what is wrong with the server. */
  async #refresh(): Promise<void> {
    this.#timer = 0;
    this.statistics = await api.statistics().catch(() => this.statistics);
  }
}
