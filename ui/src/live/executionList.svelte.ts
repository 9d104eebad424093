/** The list of executions under a filter: loaded by pages, kept current by the socket. */

import type { Filter } from "../pure/filter";
import { fits } from "../pure/fits";
import { api } from "./api";
import { Meanwhile } from "./meanwhile";
import type { Execution, Looked, ServerMessage } from "./model";
import { socket } from "./socket.svelte";

const LARGEST_PAGE = 1000;

export class ExecutionList {
  executions: Execution[] = $state.raw([]);
  totalCount: number | null = $state(null);
  hasMore = $state(false);
  isLoaded = $state(false);
  isLoading = $state(false);
  problem = $state("");
  /** How far the server looked where it looked one by one. */
  looked: Looked | null = $state.raw(null);
  readonly #meanwhile = new Meanwhile<ServerMessage>();
  readonly #page: number;
  #filter: Filter = {};
  #next: string | null = null;
  #request = new AbortController();

  constructor(page = 200) {
    this.#page = page;
  }

  /** Follow the news until the returned function is called. */
  watch(): () => void {
    const stopListening = socket.listen((message) => this.#heard(message));
    const stopCatchUp = socket.onCatchUp(() => this.#reload());
    return () => {
      stopListening();
      stopCatchUp();
      this.#request.abort();
    };
  }

  async show(filter: Filter): Promise<void> {
    this.#filter = filter;
    this.#request.abort();
    this.#request = new AbortController();
    this.executions = [];
    this.isLoaded = false;
    await this.#attempt(() => this.#reload());
  }

  async more(): Promise<void> {
    if (this.isLoading || this.#next === null) return;
    await this.#attempt(async () => {
      await this.#add(this.#page);
    });
  }

  async #attempt(load: () => Promise<void>): Promise<void> {
    this.isLoading = true;
    const request = this.#request;
    try {
      await load();
    } catch (error) {
      if (!isAbort(error)) this.problem = (error as Error).message;
    } finally {
      if (request === this.#request) this.isLoading = false;
    }
  }

  /** As much as was shown: nobody who scrolled far is thrown back by a lost connection. */
  async #reload(): Promise<void> {
    const wanted = Math.max(this.#page, this.executions.length);
    await this.#meanwhile.reading(
      () => this.#fetch(null, Math.min(LARGEST_PAGE, wanted)),
      (fresh) => {
        this.executions = fresh;
        this.isLoaded = true;
      },
      (message) => this.#update(message),
    );
    while (this.executions.length < wanted && this.#next !== null && this.looked === null) {
      await this.#add(LARGEST_PAGE);
    }
  }

  async #add(limit: number): Promise<void> {
    const before = this.looked?.executions ?? 0;
    await this.#meanwhile.reading(
      () => this.#fetch(this.#next, limit),
      (more) => {
        if (this.looked)
          this.looked = { ...this.looked, executions: this.looked.executions + before };
        this.executions = joined(this.executions, more);
      },
      (message) => this.#update(message),
    );
  }

  async #fetch(cursor: string | null, limit: number): Promise<Execution[]> {
    const query = { ...this.#filter, limit, ...(cursor !== null && { cursor }) };
    const page = await api.executions(query, this.#request.signal);
    this.#next = page.next;
    this.hasMore = page.has_more;
    this.totalCount = page.total_count;
    this.looked = page.looked;
    this.problem = "";
    return page.executions;
  }

  #heard(message: ServerMessage): void {
    this.#meanwhile.heard(message);
    this.#update(message);
  }

  #update(message: ServerMessage): void {
    if (message.type === "execution_update") this.#put(message.data);
    else if (message.type === "execution_deleted") this.#remove(message.data.execution_id);
  }

  #put(execution: Execution): void {
    if (!this.isLoaded) return;
    const at = this.executions.findIndex(({ id }) => id === execution.id);
    const isWanted = fits(execution, this.#filter);
    if (at >= 0 && isWanted !== false) this.executions = this.executions.with(at, execution);
    else if (at >= 0) this.#remove(execution.id);
    else if (isWanted && this.#isNewest(execution)) {
      this.executions = [execution, ...this.executions];
      if (this.totalCount !== null) this.totalCount += 1;
    }
  }

  #remove(id: string): void {
    const rest = this.executions.filter((execution) => execution.id !== id);
    if (rest.length === this.executions.length) return;
    this.executions = rest;
    if (this.totalCount !== null) this.totalCount -= 1;
  }

  #isNewest(execution: Execution): boolean {
    const newest = this.executions[0];
    return !newest || execution.created_at >= newest.created_at;
  }
}

/** A page that was asked for while new executions came may repeat some. */
function joined(shown: readonly Execution[], more: readonly Execution[]): Execution[] {
  const known = new Set(shown.map(({ id }) => id));
  return [...shown, ...more.filter(({ id }) => !known.has(id))];
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
