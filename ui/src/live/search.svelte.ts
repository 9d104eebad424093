/** A search over the whole log, done by the server. Hits come in pages; the count is the true one. */

import { api } from "./api";
import type { Match } from "./model";

export interface SearchQuery {
  text: string;
  isRegex: boolean;
  isCaseSensitive: boolean;
}

const PAGE = 200;

export class LogSearch {
  query: SearchQuery = $state({ text: "", isRegex: false, isCaseSensitive: false });
  matches: Match[] = $state.raw([]);
  total = $state(0);
  isExact = $state(true);
  tookMs = $state(0);
  isRunning = $state(false);
  problem = $state("");
  /** The place of the current hit within `matches`, or -1. */
  current = $state(-1);
  readonly #id: string;
  #next: string | null = null;
  #request = new AbortController();

  constructor(executionId: string) {
    this.#id = executionId;
  }

  get match(): Match | undefined {
    return this.matches[this.current];
  }

  clear(): void {
    this.#request.abort();
    this.matches = [];
    this.total = 0;
    this.current = -1;
    this.problem = "";
    this.isRunning = false;
  }

  /** Search anew; the current hit is the first one at or behind `line`. */
  async run(query: SearchQuery, line: number): Promise<void> {
    this.clear();
    this.query = query;
    if (query.text === "") return;
    await this.#fetch(null);
    if (this.matches.length === 0) return;
    const behind = this.matches.findIndex((match) => match.line >= line);
    this.current = behind >= 0 ? behind : 0;
  }

  async step(direction: 1 | -1): Promise<void> {
    if (this.matches.length === 0) return;
    if (direction === 1 && this.current === this.matches.length - 1 && this.#next !== null) {
      await this.#fetch(this.#next);
    }
    const length = this.matches.length;
    this.current = (this.current + direction + length) % length;
  }

  async #fetch(cursor: string | null): Promise<void> {
    this.#request.abort();
    const request = new AbortController();
    this.#request = request;
    this.isRunning = true;
    try {
      const found = await api.search(
        this.#id,
        {
          q: this.query.text,
          regex: Number(this.query.isRegex),
          case: Number(this.query.isCaseSensitive),
          limit: PAGE,
          cursor: cursor ?? undefined,
        },
        request.signal,
      );
      this.matches = cursor === null ? found.matches : [...this.matches, ...found.matches];
      this.total = found.total;
      this.isExact = found.total_is_exact;
      this.tookMs = found.took_ms;
      this.#next = found.next;
    } catch (error) {
      if (request.signal.aborted) return;
      this.problem = (error as Error).message;
    } finally {
      if (!request.signal.aborted) this.isRunning = false;
    }
  }
}
