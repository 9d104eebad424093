/** Which steps of an execution are folded: what somebody folded, which is remembered, or else what the script's
 * markers ask for. What a link or a search hit opened stays open only until the folds are changed or the search
 * ends. */

/* eslint-disable svelte/prefer-svelte-reactivity -- these sets are replaced, never changed */
import { recalled, remember } from "./memory";

const KEY = "folds";
const MOST_EXECUTIONS = 50;

export class Folding {
  #chosen: ReadonlySet<number> | null = $state.raw(null);
  #opened: ReadonlySet<number> = $state.raw(new Set());
  readonly folded: ReadonlySet<number> = $derived.by(
    () => new Set([...(this.#chosen ?? this.#asked())].filter((index) => !this.#opened.has(index))),
  );
  readonly #id: string;
  readonly #asked: () => ReadonlySet<number>;

  constructor(executionId: string, asked: () => ReadonlySet<number>) {
    this.#id = executionId;
    this.#asked = asked;
    const found = kept().find(([id]) => id === executionId);
    this.#chosen = found ? new Set(found[1]) : null;
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
    const mine: Kept = [this.#id, [...this.#chosen]];
    remember(KEY, JSON.stringify([mine, ...others].slice(0, MOST_EXECUTIONS)));
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
