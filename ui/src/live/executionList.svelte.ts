/** The list of executions under its filters: loaded by pages, kept current by the socket. */

import { api, type ExecutionQuery } from "./api";
import type { Execution, ServerMessage, Statistics } from "./model";
import { socket } from "./socket.svelte";

const PAGE = 100;

export class ExecutionList {
  executions: Execution[] = $state.raw([]);
  totalCount: number | null = $state(null);
  hasMore = $state(false);
  isLoaded = $state(false);
  isLoadingMore = $state(false);
  problem = $state("");
  statistics: Statistics | null = $state.raw(null);
  #query: ExecutionQuery = {};
  #next: string | null = null;
  #request = new AbortController();
  #statisticsTimer = 0;

  /** Follow the news until the returned function is called. */
  watch(): () => void {
    const stopListening = socket.listen((message) => this.#heard(message));
    const stopCatchUp = socket.onCatchUp(() => this.#reload());
    return () => {
      stopListening();
      stopCatchUp();
      this.#request.abort();
      window.clearTimeout(this.#statisticsTimer);
    };
  }

  async show(query: ExecutionQuery): Promise<void> {
    this.#query = query;
    this.#request.abort();
    this.#request = new AbortController();
    try {
      await this.#reload();
    } catch (error) {
      if (!isAbort(error)) this.problem = (error as Error).message;
    }
  }

  async more(): Promise<void> {
    if (this.isLoadingMore || this.#next === null) return;
    this.isLoadingMore = true;
    try {
      const { signal } = this.#request;
      const page = await api.executions(
        { ...this.#query, cursor: this.#next, limit: PAGE },
        signal,
      );
      this.executions = joined(this.executions, page.executions);
      this.#next = page.next;
      this.hasMore = page.has_more;
    } catch (error) {
      if (!isAbort(error)) this.problem = (error as Error).message;
    } finally {
      this.isLoadingMore = false;
    }
  }

  async #reload(): Promise<void> {
    const limit = Math.min(1000, Math.max(PAGE, this.executions.length));
    const page = await api.executions({ ...this.#query, limit }, this.#request.signal);
    this.executions = page.executions;
    this.#next = page.next;
    this.hasMore = page.has_more;
    this.totalCount = page.total_count;
    this.problem = "";
    this.isLoaded = true;
    this.statistics = await api.statistics();
  }

  #heard(message: ServerMessage): void {
    if (message.type === "execution_update") this.#update(message.data);
    else if (message.type === "execution_deleted") this.#remove(message.data.execution_id);
    else return;
    // Many updates, one question: the figures follow within two seconds.
    this.#statisticsTimer ||= window.setTimeout(() => void this.#refreshStatistics(), 2000);
  }

  async #refreshStatistics(): Promise<void> {
    this.#statisticsTimer = 0;
    this.statistics = await api.statistics().catch(() => this.statistics);
  }

  #update(execution: Execution): void {
    if (!this.isLoaded) return;
    const at = this.executions.findIndex(({ id }) => id === execution.id);
    const fits = this.#fits(execution);
    if (at >= 0 && fits) this.executions = this.executions.with(at, execution);
    else if (at >= 0) this.#remove(execution.id);
    else if (fits && this.#isNewest(execution)) {
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

  #fits(execution: Execution): boolean {
    const { status, q } = this.#query;
    if (status && !status.split(",").includes(execution.status)) return false;
    if (!q) return true;
    const text = [execution.name, execution.command, ...execution.tags].join(" ").toLowerCase();
    return q
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.includes(word));
  }
}

/** A page that was asked for while new executions came may repeat some. */
function joined(shown: readonly Execution[], more: readonly Execution[]): Execution[] {
  const byId = new Map([...shown, ...more].map((execution) => [execution.id, execution]));
  return [...byId.values()];
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
