/** How somebody reads the log of one execution: where they are, what is folded, sought and chosen. It outlives
 * the log's part of the page, so that who looks at the artifacts comes back to the same line. */

import { formatAnchor, parseAnchor, type Anchor } from "../pure/cursor";
import { foldable, Folds, foldsOver, headsAbove } from "../pure/folds";
import type { Landing } from "../pure/landing";
import { boundaries, flattened, stepTree } from "../pure/stepTree";
import { words } from "../words/words";
import type { ExecutionView } from "./executionView.svelte";
import { Folding } from "./folding.svelte";
import { preferences, smallScreen } from "./preferences.svelte";
import { router } from "./router.svelte";
import { LogSearch } from "./search.svelte";
import { Viewport } from "./viewport.svelte";

const CONTEXT_LINES = 8;
const NOTICE_MS = 5000;

export class Reading {
  readonly view: ExecutionView;
  readonly search: LogSearch;
  readonly folding: Folding;
  readonly viewport: Viewport;
  isSearching = $state(false);
  /** Lines that were chosen by their numbers, and are in the address. */
  anchor: Anchor | null = $state.raw(parseAnchor(router.hash));
  notice = $state("");
  hasLanded = false;
  #noticeTimer = 0;

  constructor(view: ExecutionView) {
    this.view = view;
    this.search = new LogSearch(view.id);
    this.folding = new Folding(view.id);
    this.viewport = new Viewport(() => ({
      map: this.map,
      lineCount: view.transcript.lineCount,
      isFinal: this.isFinal,
      rowPx: this.rowPx,
      isVariable: preferences.wraps,
    }));
  }

  readonly rowPx = $derived(smallScreen.current ? 22 : 20);
  readonly rows = $derived.by(() => flattened(stepTree(this.view.steps)));
  readonly map = $derived.by(() => new Folds(this.rows, this.folding.folded));
  readonly marks = $derived(boundaries(this.rows));
  readonly isFinal = $derived.by(
    () => !["pending", "running"].includes(this.view.execution?.status ?? ""),
  );
  readonly heads = $derived.by(() =>
    headsAbove(this.rows, (row) => this.map.lineAt(row), this.viewport.top.row),
  );

  notify(text: string): void {
    this.notice = text;
    window.clearTimeout(this.#noticeTimer);
    this.#noticeTimer = window.setTimeout(() => (this.notice = ""), NOTICE_MS);
  }

  /** Go to where the log opens, once. */
  land(place: Landing): void {
    if (this.hasLanded) return;
    this.hasLanded = true;
    if (place.kind === "end") this.viewport.follow();
    else if (place.kind === "anchor") this.goTo(place.anchor.first);
    else if (place.kind === "error") {
      this.goTo(place.line);
      this.notify(words.log.landed);
    } else this.viewport.show(0, 0);
  }

  /** Show a line with some context above it. */
  goTo(line: number): void {
    this.hasLanded = true;
    this.#uncover(line);
    const context = (CONTEXT_LINES + (this.rows.length > 0 ? 2 : 0)) * this.rowPx;
    this.viewport.show(line, Math.min(context, 0.4 * this.viewport.height));
  }

  goToStep(line: number): void {
    this.hasLanded = true;
    this.#uncover(line);
    const depth = this.rows.find(({ step }) => step.first_line === line)?.depth ?? 0;
    this.viewport.show(line, Math.min(2, depth) * this.rowPx);
  }

  stepBy(direction: 1 | -1): void {
    const { topLine } = this.viewport;
    const starts = this.rows.map(({ step }) => step.first_line).sort((a, b) => a - b);
    const next =
      direction === 1
        ? starts.find((line) => line > topLine + Math.min(2, this.heads.length))
        : starts.findLast((line) => line < topLine);
    if (next !== undefined) this.goToStep(next);
  }

  showMatch(line: number): void {
    this.#uncover(line);
    const { viewport } = this;
    const y = viewport.offsetOf(line);
    const covered = (1 + this.heads.length) * this.rowPx;
    if (y < covered || y + 2 * this.rowPx > viewport.height) this.goTo(line);
    else viewport.stopFollowing();
  }

  follow(): void {
    this.viewport.follow();
  }

  #uncover(line: number): void {
    this.folding.open(foldsOver(this.rows, this.folding.folded, line));
  }

  /** Change the folds; the line at the top stays there, or the head that it went into. */
  refold(change: () => void): void {
    const { topLine, top } = this.viewport;
    change();
    const row = this.map.rowOf(topLine);
    const isHidden = this.map.lineAt(row) !== topLine;
    this.viewport.show(topLine, isHidden ? 0 : -top.within);
  }

  foldAll(): void {
    this.refold(() => this.folding.fold(foldable(this.rows, this.view.annotations)));
  }

  /** Fold or unfold the step at the top. */
  toggleCurrent(): void {
    const current = this.heads.at(-1)?.step ?? this.marks.get(this.viewport.topLine)?.step;
    if (current) this.refold(() => this.folding.toggle(current.index));
  }

  choose(line: number, extends_: boolean): void {
    const before = this.anchor;
    this.anchor =
      extends_ && before
        ? { first: Math.min(before.first, line), last: Math.max(before.last, line) }
        : { first: line, last: line };
    this.viewport.stopFollowing();
    router.setHash(formatAnchor(this.anchor));
  }

  /** The lines that commands are about: the chosen ones, or the one at the top. */
  chosen(): Anchor {
    const { topLine } = this.viewport;
    return this.anchor ?? { first: topLine, last: topLine };
  }

  /** The address names other lines now. */
  readAddress(hash: string): void {
    const next = parseAnchor(hash);
    if (!next || (this.anchor && formatAnchor(next) === formatAnchor(this.anchor))) return;
    this.anchor = next;
    if (this.hasLanded) this.goTo(next.first);
  }

  closeSearch(): void {
    this.isSearching = false;
    this.search.clear();
    this.search.query = { ...this.search.query, text: "" };
  }
}
