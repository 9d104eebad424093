/** A search over the whole log, done by the server. The first hits come at once, and their true number while it is
 * counted piece by piece; the current hit may be far beyond the hits that are listed. */

import { placeIn, piecesOf, type Piece } from "../pure/counting";
import { api } from "./api";
import type { Match, Matches } from "./model";

/** First and last line, both included; `last` is null at the end of the log. */
export interface Scope {
  first: number;
  last: number | null;
}

export interface SearchQuery {
  text: string;
  isRegex: boolean;
  isCaseSensitive: boolean;
  isWholeWord: boolean;
  scope: Scope;
}

export const EVERYWHERE: Scope = { first: 0, last: null };
const NOTHING: SearchQuery = {
  text: "",
  isRegex: false,
  isCaseSensitive: false,
  isWholeWord: false,
  scope: EVERYWHERE,
};
const PAGE = 200;
const CONTEXT = 1;

export class LogSearch {
  query: SearchQuery = $state.raw(NOTHING);
  /** The hits from the beginning on, as far as they were asked for. */
  matches: Match[] = $state.raw([]);
  hasMore = $state(false);
  total = $state(0);
  /** All is counted. */
  isExact = $state(true);
  tookMs = $state(0);
  isRunning = $state(false);
  problem = $state("");
  match: Match | null = $state.raw(null);
  /** Only the hits are shown. */
  isFiltering = $state(false);
  pieces: Piece[] = $state.raw([]);
  #far: number | null = $state(null);
  readonly #id: string;
  #next: string | null = null;
  #request = new AbortController();
  /** Behind this line nothing was looked at yet. */
  #end = 0;

  constructor(executionId: string) {
    this.#id = executionId;
  }

  /** The number of the current hit among all, from 0; null while it is not known. */
  get place(): number | null {
    const listed = this.match ? this.matches.indexOf(this.match) : -1;
    return listed >= 0 ? listed : this.#far;
  }

  get isIdle(): boolean {
    return this.query.text === "";
  }

  clear(): void {
    this.#request.abort();
    this.#request = new AbortController();
    this.query = NOTHING;
    this.matches = [];
    this.pieces = [];
    this.total = 0;
    this.match = null;
    this.problem = "";
    this.isRunning = false;
    this.isFiltering = false;
    this.hasMore = false;
  }

  /** Search anew; the current hit is the first one at or behind `line`. */
  async run(query: SearchQuery, line: number, lineCount: number, sizeBytes: number): Promise<void> {
    const { isFiltering } = this;
    this.clear();
    this.query = query;
    this.isFiltering = isFiltering;
    this.#end = lineCount;
    if (query.text === "") return;
    await this.#attempt(async (signal) => {
      const found = await this.#ask({ count: 0, limit: PAGE }, signal);
      this.matches = found.matches;
      this.#listed(found);
      this.total = found.total;
      this.isExact = found.total_is_exact;
      this.tookMs = found.took_ms;
      await this.#chooseFrom(line, signal);
    });
    if (!this.isExact) await this.#countAll(lineCount, sizeBytes);
  }

  async step(direction: 1 | -1): Promise<void> {
    const { match } = this;
    if (!match) return;
    const listed = this.matches.indexOf(match);
    const near = listed < 0 ? undefined : this.matches[listed + direction];
    if (near) {
      this.match = near;
      return;
    }
    await this.#attempt(async (signal) => {
      const { first, last } = this.query.scope;
      if (direction === 1) {
        const found = await this.#between(match.line + 1, last, false, signal);
        this.#stepTo(found ?? this.matches[0], found ? 1 : null);
      } else {
        const found =
          match.line > first ? await this.#between(first, match.line - 1, true, signal) : undefined;
        const end = found ?? (await this.#between(first, last, true, signal));
        this.#stepTo(end, found ? -1 : null);
      }
    });
  }

  choose(match: Match): void {
    this.match = match;
  }

  /** List more hits. */
  async more(): Promise<void> {
    if (this.#next === null || this.isRunning) return;
    await this.#attempt(async (signal) => {
      const found = await this.#ask(
        { count: 0, limit: PAGE, cursor: this.#next ?? undefined },
        signal,
      );
      this.matches = [...this.matches, ...found.matches];
      this.#listed(found);
    });
  }

  /** Look at the lines that have come since. */
  async goOn(lineCount: number): Promise<void> {
    const isOver = this.query.scope.last !== null || lineCount <= this.#end;
    if (this.isIdle || this.isRunning || !this.isExact || isOver) return;
    // The last line may have grown.
    const from = Math.max(this.query.scope.first, this.#end - 1);
    this.#end = lineCount;
    await this.#attempt(async (signal) => {
      const found = await this.#ask({ from, limit: PAGE }, signal);
      const known = this.matches.at(-1)?.line ?? -1;
      const fresh = found.matches.filter(({ line }) => line > known);
      this.total += found.total - (found.matches.length - fresh.length);
      if (this.hasMore) return;
      this.matches = [...this.matches, ...fresh];
      this.#listed(found);
    });
  }

  /** Hits within lines that are looked at, for what only the server can find. */
  async within(first: number, last: number): Promise<Match[]> {
    try {
      const query = { count: 0, limit: 300, from: first, to: last, context: 0 };
      return (await this.#ask(query)).matches;
    } catch {
      // The search itself has said what is wrong; without an answer nothing is marked.
      return [];
    }
  }

  #listed(found: Matches): void {
    this.#next = found.next;
    this.hasMore = found.next !== null;
  }

  async #chooseFrom(line: number, signal: AbortSignal): Promise<void> {
    const near = this.matches.find((match) => match.line >= line);
    if (near || !this.hasMore) {
      this.match = near ?? this.matches[0] ?? null;
      return;
    }
    const far = await this.#between(line, this.query.scope.last, false, signal);
    this.#far = null;
    this.match = far ?? this.matches[0] ?? null;
  }

  #stepTo(found: Match | undefined, way: 1 | -1 | null): void {
    if (!found) return;
    const { place } = this;
    const listed = this.matches.find(({ line }) => line === found.line);
    if (way !== null) this.#far = place === null ? null : place + way;
    else this.#far = this.isExact ? this.total - 1 : null;
    this.match = listed ?? found;
  }

  async #between(
    from: number,
    to: number | null,
    last: boolean,
    signal: AbortSignal,
  ): Promise<Match | undefined> {
    const query = { from, to: to ?? undefined, limit: 1, last: Number(last), count: 0 };
    return (await this.#ask(query, signal)).matches[0];
  }

  /** Piece by piece, so that the number grows and no piece takes long. */
  async #countAll(lineCount: number, sizeBytes: number): Promise<void> {
    const { signal } = this.#request;
    const { first, last } = this.query.scope;
    const open = piecesOf(first, last === null ? lineCount - 1 : last, sizeBytes);
    const counted: Piece[] = [];
    let total = 0;
    try {
      for (const piece of open) {
        const found = await this.#ask({ from: piece.first, to: piece.last, limit: 1 }, signal);
        if (signal.aborted) return;
        counted.push({ ...piece, total: found.total });
        total += found.total;
        this.tookMs += found.took_ms;
        this.total = Math.max(this.total, total);
        this.pieces = [...counted];
      }
      this.total = total;
      this.isExact = true;
      await this.#placeFar(signal);
    } catch (error) {
      if (!signal.aborted) this.problem = (error as Error).message;
    }
  }

  async #placeFar(signal: AbortSignal): Promise<void> {
    const { match } = this;
    if (!match || this.place !== null) return;
    const { before, first } = placeIn(this.pieces, match.line);
    const found =
      match.line > first
        ? await this.#ask({ from: first, to: match.line - 1, limit: 1 }, signal)
        : { total: 0 };
    if (this.match === match) this.#far = before + found.total;
  }

  async #attempt(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#request;
    this.isRunning = true;
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted) this.problem = (error as Error).message;
    } finally {
      if (!signal.aborted) this.isRunning = false;
    }
  }

  async #ask(
    query: Record<string, string | number | undefined>,
    signal?: AbortSignal,
  ): Promise<Matches> {
    const { text, isRegex, isCaseSensitive, isWholeWord, scope } = this.query;
    return await api.search(
      this.#id,
      {
        q: text,
        regex: Number(isRegex),
        case: Number(isCaseSensitive),
        word: Number(isWholeWord),
        from: scope.first,
        to: scope.last ?? undefined,
        context: CONTEXT,
        ...query,
      },
      signal,
    );
  }
}
