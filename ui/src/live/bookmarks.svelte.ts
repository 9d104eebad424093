/** Lines of an execution that somebody wants to find again; this browser remembers them. */

import { recalled, remember } from "./memory";

const KEY = "bookmarks";
const MOST_EXECUTIONS = 50;
type Kept = [executionId: string, lines: number[]];

export class Bookmarks {
  /** From top to bottom. */
  lines: readonly number[] = $state.raw([]);
  readonly #id: string;

  constructor(executionId: string) {
    this.#id = executionId;
    this.lines = kept().find(([id]) => id === executionId)?.[1] ?? [];
  }

  has(line: number): boolean {
    return this.lines.includes(line);
  }

  toggle(line: number): void {
    this.lines = this.has(line)
      ? this.lines.filter((each) => each !== line)
      : [...this.lines, line].sort((a, b) => a - b);
    const others = kept().filter(([id]) => id !== this.#id);
    const mine: Kept[] = this.lines.length > 0 ? [[this.#id, [...this.lines]]] : [];
    remember(KEY, JSON.stringify([...mine, ...others].slice(0, MOST_EXECUTIONS)));
  }
}

function kept(): Kept[] {
  const found: unknown = JSON.parse(recalled(KEY) ?? "[]");
  return Array.isArray(found) ? (found as Kept[]) : [];
}
