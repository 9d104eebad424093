/** Sparklines of many names: each name is asked for once, when a row of it is seen, and forgotten when an
 * execution of it ends. */

import { SvelteMap } from "svelte/reactivity";
import { api } from "./api";
import type { TrendPoint } from "./model";
import { socket } from "./socket.svelte";

const LAST = 20;
const AT_ONCE = 4;

class Trends {
  readonly #known = new SvelteMap<string, TrendPoint[]>();
  readonly #asked = new Set<string>();
  #waiting: string[] = [];
  #running = 0;

  constructor() {
    socket.listen((message) => {
      if (message.type !== "execution_update" || message.data.completed_at === null) return;
      const { name } = message.data;
      if (this.#asked.delete(name)) this.want(name);
    });
  }

  of(name: string): readonly TrendPoint[] {
    return this.#known.get(name) ?? [];
  }

  want(name: string): void {
    if (this.#asked.has(name)) return;
    this.#asked.add(name);
    this.#waiting.push(name);
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#running >= AT_ONCE) return;
    this.#running += 1;
    try {
      for (;;) {
        const name = this.#waiting.pop();
        if (name === undefined) return;
        await this.#load(name);
      }
    } finally {
      this.#running -= 1;
    }
  }

  /** Without an answer there is no sparkline; the next row of this name asks again. */
  async #load(name: string): Promise<void> {
    const points = await api.trend(name, LAST).catch(() => null);
    if (points) this.#known.set(name, points);
    else this.#asked.delete(name);
  }
}

export const trends = new Trends();
