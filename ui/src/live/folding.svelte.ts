/** Which steps of an execution are folded. What somebody folded is remembered; what a link or a search hit
 * opened stays open only until the folds are changed or the search ends. */

/* eslint-disable svelte/prefer-svelte-reactivity -- these sets are replaced, never changed */
import { recalled, remember } from "./memory";

const KEY = "folds";
const MOST_EXECUTIONS = 50;

export class Folding {
  #chosen: ReadonlySet<number> = $state.raw(new Set());
  #opened: ReadonlySet<number> = $state.raw(new Set());
  readonly folded: ReadonlySet<number> = $derived(
    new Set([...this.#chosen].filter((index) => !this.#opened.has(index))),
  );
  readonly #id: string;

  constructor(executionId: string) {
    this.#id = executionId;
    this.#chosen = new Set(kept().find(([id]) => id === executionId)?.[1]);
  }

  toggle(index: number): void {
    const next = new Set(this.folded);
    if (!next.delete(index)) next.add(index);
    this.fold(next);
  }

  /** Exactly these are folded from now on. */
  fold(indices: Iterable<number>): void {
    this.#chosen = new Set(indices);
    this.#opened = new Set();
    const others = kept().filter(([id]) => id !== this.#id);
    const mine: Kept[] = this.#chosen.size > 0 ? [[this.#id, [...this.#chosen]]] : [];
    remember(KEY, JSON.stringify([...mine, ...others].slice(0, MOST_EXECUTIONS)));
  }

  /** Open for a while what covers a line that is asked for. */
  open(indices: readonly number[]): void {
    if (indices.length > 0) this.#opened = new Set([...this.#opened, ...indices]);
  }

  close(): void {
    if (this.#opened.size > 0) this.#opened = new Set();
  }
}

type Kept = [id: string, indices: number[]];

function kept(): Kept[] {
  const found: unknown = JSON.parse(recalled(KEY) ?? "[]");
  return Array.isArray(found) ? (found as Kept[]) : [];
}
