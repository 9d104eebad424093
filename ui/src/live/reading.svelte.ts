/** How somebody reads the log of one execution: where they are, what is folded, sought and chosen. It outlives
 * the log's part of the page, so that who looks at the artifacts comes back to the same line. */

/* eslint-disable svelte/prefer-svelte-reactivity -- these sets and maps are replaced, never changed */
import { formatAnchor, parseAnchor, type Anchor } from "../pure/cursor";
import { destination } from "../pure/destination";
import { beside, collapsed, foldable, Folds, foldsOver, headsAbove } from "../pure/folds";
import { failures, neighbour, isError, isWarning, type Landing } from "../pure/landing";
import type { Repeat } from "../pure/repeats";
import { ChosenRows, type RowMap } from "../pure/rowMap";
import { boundaries, flattened, stepTree } from "../pure/stepTree";
import { moment } from "../pure/time";
import { words } from "../words/words";
import { api } from "./api";
import { Bookmarks } from "./bookmarks.svelte";
import { clock } from "./clock.svelte";
import type { Annotation, Step } from "./model";
import type { ExecutionView } from "./executionView.svelte";
import { Folding } from "./folding.svelte";
import { preferences, smallScreen } from "./preferences.svelte";
import { router } from "./router.svelte";
import { LogSearch } from "./search.svelte";
import { Viewport, type Subject } from "./viewport.svelte";

const CONTEXT_LINES = 8;
const NOTICE_MS = 5000;
const MOST_SPREAD = 40;

export class Reading {
  readonly view: ExecutionView;
  readonly search: LogSearch;
  readonly folding: Folding;
  readonly viewport: Viewport;
  readonly bookmarks: Bookmarks;
  isSearching = $state(false);
  /** The list of hits is open. */
  showsResults = $state(false);
  /** The log fills the window. */
  isZen = $state(false);
  /** Somebody types where to go. */
  isGoing = $state(false);
  /** The line that a finger pointed at, with what can be done with it. */
  pointedAt: number | null = $state(null);
  /** Lines whose JSON is laid out. */
  opened: ReadonlySet<number> = $state.raw(new Set());
  /** Heads of repetitions that are shown in full. */
  #unfolded: ReadonlySet<number> = $state.raw(new Set());
  /** A line that was asked for is never folded away as a repetition. */
  #asked: number | null = $state(null);
  /** Lines that were chosen by their numbers, and are in the address. */
  anchor: Anchor | null = $state.raw(parseAnchor(router.hash));
  notice = $state("");
  /** What was too large for the clipboard, to be downloaded. */
  offer: { text: string; href: string } | null = $state.raw(null);
  hasLanded = false;
  #noticeTimer = 0;
  #jumpedTo: { line: number; top: number } | null = null;

  constructor(view: ExecutionView) {
    this.view = view;
    this.search = new LogSearch(view.id);
    this.folding = new Folding(view.id, () => collapsed(view.steps));
    this.bookmarks = new Bookmarks(view.id);
    this.viewport = new Viewport(this.#subject());
  }

  /** Read one by one: that nothing comes any more must not depend on the rows. */
  #subject(): Subject {
    const rows = (): RowMap => this.map;
    const { transcript } = this.view;
    const isFinal = (): boolean => this.isFinal;
    const rowPx = (): number => this.rowPx;
    const isVariable = (): boolean => preferences.wraps || this.opened.size > 0;
    return {
      get map() {
        return rows();
      },
      get lineCount() {
        return transcript.lineCount;
      },
      get isFlood() {
        return transcript.isFlood;
      },
      get isFinal() {
        return isFinal();
      },
      get rowPx() {
        return rowPx();
      },
      get isVariable() {
        return isVariable();
      },
    };
  }

  readonly rowPx = $derived(smallScreen.current ? 22 : 20);
  readonly rows = $derived.by(() => flattened(stepTree(this.view.steps)));
  readonly map: RowMap = $derived.by(() =>
    this.search.isFiltering
      ? new ChosenRows(this.search.matches.map(({ line }) => line))
      : new Folds(
          this.rows,
          this.folding.folded,
          this.repeats.map(({ first, last }) => [first, last] as const),
        ),
  );
  /** Repetitions that are folded. Not at the end of a log that grows: there every line is news. */
  readonly repeats: Repeat[] = $derived.by(() => {
    if (!preferences.foldsRepeats || this.viewport.isFollowing) return [];
    const kept = [this.#asked, this.search.match?.line, this.anchor?.first, this.anchor?.last];
    const heads = this.#heads;
    return this.view.transcript
      .repeats()
      .filter(
        ({ first, last }) =>
          !this.#unfolded.has(first - 1) &&
          !kept.some((line) => line != null && first <= line && line <= last) &&
          !hasBetween(heads, first, last),
      );
  });
  /** The repetition that each line is the head of. */
  readonly repeatsAt = $derived.by(
    () => new Map(this.repeats.map((repeat) => [repeat.first - 1, repeat])),
  );
  readonly #heads = $derived.by(() => [...this.marks.keys()].sort((a, b) => a - b));
  readonly marks = $derived(boundaries(this.rows));
  readonly isFinal = $derived.by(
    () => !["pending", "running"].includes(this.view.execution?.status ?? ""),
  );
  readonly heads = $derived.by(() =>
    headsAbove(this.rows, (row) => this.map.lineAt(row), this.viewport.top.row),
  );

  /** Other steps whose output is mixed into what is at the top. */
  readonly beside = $derived.by(() => beside(this.rows, this.heads, this.viewport.topLine + 1));
  /** Lines that the minimap shows. */
  readonly marked = $derived.by(() => {
    const { annotations } = this.view;
    const lines = (is: (remark: Annotation) => boolean): number[] =>
      annotations.flatMap((remark) =>
        remark.log_line !== null && is(remark) ? [remark.log_line] : [],
      );
    return {
      steps: this.rows.map(({ step }) => step.first_line),
      warnings: lines(isWarning),
      errors: [...lines(isError), ...failures(this.view.steps)],
      bookmarks: this.bookmarks.lines,
      matches: [...this.search.matches.map(({ line }) => line), ...unlisted(this.search)],
    };
  });

  notify(text: string): void {
    this.notice = text;
    window.clearTimeout(this.#noticeTimer);
    this.#noticeTimer = window.setTimeout(() => (this.notice = ""), NOTICE_MS);
  }

  /** Do what may fail, and say so. */
  attempt(work: Promise<void>): void {
    work.catch((error: unknown) => this.notify((error as Error).message));
  }

  /** Go to where the log opens, once. */
  land(place: Landing): void {
    if (this.hasLanded) return;
    this.hasLanded = true;
    if (place.kind === "end") this.viewport.follow();
    else if (place.kind === "anchor") this.goTo(place.anchor.first);
    else if (place.kind === "step") this.goToStep(place.line);
    else if (place.kind === "time") this.attempt(this.goToTime(place.at));
    else if (place.kind === "error") {
      this.goTo(place.line);
      this.notify(words.log.landed);
    } else this.viewport.show(0, 0);
  }

  /** Show a line with some context above it. */
  goTo(line: number): void {
    this.hasLanded = true;
    this.search.isFiltering = false;
    this.#asked = line;
    this.#uncover(line);
    const context = (CONTEXT_LINES + (this.rows.length > 0 ? 2 : 0)) * this.rowPx;
    this.viewport.show(line, Math.min(context, 0.4 * this.viewport.height));
  }

  async goToTime(at: number): Promise<void> {
    this.goTo(await this.lineAt(at));
  }

  /** Where somebody typed; false when that names nothing. */
  go(text: string): boolean {
    const startedAt = moment(this.view.execution?.started_at) ?? clock.now;
    const wanted = destination(text, startedAt);
    if (!wanted) return false;
    const last = Math.max(0, this.view.transcript.lineCount - 1);
    if (wanted.kind === "end") this.follow();
    else if (wanted.kind === "time") this.attempt(this.goToTime(wanted.at));
    else if (wanted.kind === "part") this.goTo(Math.round(wanted.part * last));
    else this.choose(Math.min(wanted.line, last), false, true);
    return true;
  }

  toggleBookmark(line = this.chosen().first): void {
    this.bookmarks.toggle(line);
  }

  nextBookmark(): void {
    const { lines } = this.bookmarks;
    const from = this.#jumpedTo?.top === this.viewport.topLine ? this.#jumpedTo.line : -1;
    const line = neighbour(lines, Math.max(from, this.viewport.topLine - 1), 1) ?? lines[0];
    if (line === undefined) {
      this.notify(words.log.noBookmark);
      return;
    }
    this.goTo(line);
    this.#jumpedTo = { line, top: this.viewport.topLine };
  }

  toggleJson(line: number): void {
    const next = new Set(this.opened);
    if (!next.delete(line)) next.add(line);
    this.viewport.hold();
    this.opened = next;
  }

  unfoldRepeat(head: number): void {
    this.viewport.hold();
    this.#unfolded = new Set([...this.#unfolded, head]);
  }

  /** The first line that arrived at a moment or later. */
  async lineAt(at: number): Promise<number> {
    const answer = await api.linesSince(this.view.id, at);
    return answer.lines[0]?.line ?? 0;
  }

  goToStep(line: number): void {
    this.hasLanded = true;
    this.search.isFiltering = false;
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
    if (!this.search.isFiltering) this.#uncover(line);
    const { viewport } = this;
    const y = viewport.offsetOf(line);
    const covered = (1 + this.heads.length) * this.rowPx;
    if (y >= covered && y + 2 * this.rowPx <= viewport.height) viewport.stopFollowing();
    else if (this.search.isFiltering) viewport.show(line, covered);
    else this.goTo(line);
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
    const current = this.currentStep;
    if (current) this.refold(() => this.folding.toggle(current.index));
  }

  /** To the next or the previous error or warning, seen from the line that was jumped to last. */
  jump(kind: "errors" | "warnings", direction: 1 | -1): void {
    const { topLine } = this.viewport;
    const from = this.#jumpedTo?.top === topLine ? this.#jumpedTo.line : topLine;
    const line = neighbour(this.marked[kind], from, direction);
    if (line === null) {
      this.notify(kind === "errors" ? words.log.noError : words.log.noWarning);
      return;
    }
    this.goTo(line);
    this.#jumpedTo = { line, top: this.viewport.topLine };
  }

  choose(line: number, isRange: boolean, goes = false): void {
    const before = this.anchor;
    this.anchor =
      isRange && before
        ? { first: Math.min(before.first, line), last: Math.max(before.last, line) }
        : { first: line, last: line };
    this.viewport.stopFollowing();
    router.setHash(formatAnchor(this.anchor));
    if (goes) this.goTo(line);
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

  /** Only the hits, or all lines; the line at the top stays where it can. */
  leaveFilter(): void {
    const line = this.search.match?.line ?? this.viewport.topLine;
    this.search.isFiltering = false;
    this.goTo(line);
  }

  filter(): void {
    const { topLine } = this.viewport;
    this.search.isFiltering = true;
    this.viewport.show(this.search.match?.line ?? topLine, 3 * this.rowPx);
  }

  /** The innermost step around the line at the top. */
  get currentStep(): Step | undefined {
    return this.heads.at(-1)?.step ?? this.marks.get(this.viewport.topLine)?.step;
  }

  closeSearch(): void {
    this.isSearching = false;
    this.showsResults = false;
    if (this.search.isFiltering) this.leaveFilter();
    this.search.clear();
  }
}

/** Whether one of some sorted numbers lies between two others, both included. */
function hasBetween(sorted: readonly number[], first: number, last: number): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < first) low = middle + 1;
    else high = middle;
  }
  return low < sorted.length && (sorted[low] as number) <= last;
}

/** Where hits are that are counted but not listed, spread over the piece that they were counted in. */
function unlisted(search: LogSearch): number[] {
  const listed = search.matches.at(-1)?.line ?? -1;
  return search.pieces
    .filter(({ last, total }) => last > listed && total > 0)
    .flatMap(({ first, last, total }) => {
      const count = Math.min(total, MOST_SPREAD);
      return Array.from({ length: count }, (_, i) =>
        Math.floor(first + ((i + 0.5) * (last - first + 1)) / count),
      );
    });
}
