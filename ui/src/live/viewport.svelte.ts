/** The view of a log: the rows that it shows, kept together with the scroll bar. A line that is held lies still
 * in the view while rows are measured, folded or wrapped; while it follows, the end is held. */

import { tick } from "svelte";
import { Heights } from "../pure/heights";
import {
  contentTopOf,
  endOf,
  isAtEnd,
  isBehind,
  mounted,
  offsetOf,
  pointedAt,
  topFor,
  type Mounted,
  type Rows,
  type Top,
} from "../pure/place";
import type { RowMap } from "../pure/rowMap";
import {
  isScaled,
  MAX_DRIFT_PX,
  maxScrollTop,
  scrollHeight,
  toContent,
  toScroll,
  type Extent,
} from "../pure/scroll";

const OVERSCAN = 24;
const SETTLE_MS = 160;
/** Shorter ways are scrolled px by px, also where the view is small: no jump of the scroll bar. */
const LEAST_JUMP_PX = 1500;

/** What is looked at: live values, each for itself. */
export interface Subject {
  readonly map: RowMap;
  readonly lineCount: number;
  /** The end moves on by more than a screen at a time. */
  readonly isFlood: boolean;
  /** Nothing will come behind the end. */
  readonly isFinal: boolean;
  readonly rowPx: number;
  /** Whether rows can be of more than one line of text. */
  readonly isVariable: boolean;
}

/** A line, and px from the upper edge of the view to its row; or the end, wherever that will be. */
type Held = { line: number; y: number } | "end";

export class Viewport {
  height = $state(0);
  scrollTop = $state(0);
  /** How many lines there were when somebody last saw the end. */
  seenLines = $state(0);
  readonly #subject: Subject;
  #held: Held = $state.raw({ line: 0, y: 0 });
  #heights = $state.raw(new Heights(20));
  #measurements = $state(0);
  #scroller: HTMLElement | null = null;
  #settleTimer = 0;
  // What is seen is drawn first, and what is around it a moment later.
  #overscan = $state(0);

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  readonly rows: Rows = $derived.by(() => {
    const { map, lineCount, rowPx, isVariable } = this.#subject;
    void this.#measurements;
    const heights = this.#heights;
    const height = isVariable
      ? (row: number): number => heights.of(map.lineAt(row))
      : (): number => rowPx;
    return { count: map.rowCount(lineCount), height };
  });
  readonly extent: Extent = $derived.by(() => {
    const { rowPx, isVariable } = this.#subject;
    void this.#measurements;
    const rowHeight = isVariable ? this.#heights.assumed : rowPx;
    return { rows: this.rows.count, rowHeight, viewport: this.height };
  });
  readonly top: Top = $derived.by(() => {
    const held = this.#held;
    if (held === "end") return endOf(this.rows, this.height);
    return topFor(this.rows, this.#subject.map.rowOf(held.line), held.y, this.height);
  });
  readonly mounted: Mounted = $derived(
    mounted(this.rows, this.top, this.height, this.#isRushing ? 0 : this.#overscan),
  );
  readonly canvasHeight = $derived(scrollHeight(this.extent));
  readonly blockTop = $derived(this.scrollTop - this.mounted.above);
  readonly topLine = $derived.by(() => this.#subject.map.lineAt(this.top.row));
  readonly isAtEnd = $derived(isAtEnd(this.rows, this.top, this.height));
  readonly isFollowing = $derived.by(() => this.#held === "end" && !this.#subject.isFinal);
  readonly unseen = $derived.by(() =>
    this.#held === "end" ? 0 : Math.max(0, this.#subject.lineCount - this.seenLines),
  );

  /** What lies above the view is gone before anybody could scroll there. */
  get #isRushing(): boolean {
    return this.#held === "end" && this.#subject.isFlood;
  }

  attach(scroller: HTMLElement): () => void {
    this.#scroller = scroller;
    requestAnimationFrame(() => requestAnimationFrame(() => (this.#overscan = OVERSCAN)));
    return () => {
      this.#scroller = null;
      window.clearTimeout(this.#settleTimer);
    };
  }

  /** Where the scroll bar belongs. */
  get #wanted(): number {
    const { extent, rows, top } = this;
    return toScroll(extent, contentTopOf(rows, top, extent));
  }

  /** Before the rows are drawn: the end has moved, and is drawn once. */
  foresee(): void {
    if (this.#held === "end") this.scrollTop = this.#wanted;
  }

  /** After they were drawn: browsers round, and what they made of it is where we are. */
  sync(): void {
    if (!this.#scroller) return;
    const wanted = this.#wanted;
    if (Math.abs(this.#scroller.scrollTop - wanted) >= 0.5) this.#scroller.scrollTop = wanted;
    this.scrollTop = this.#scroller.scrollTop;
    if (this.#held === "end") this.seenLines = this.#subject.lineCount;
  }

  /** The same, when the rows themselves may have moved the end. */
  drawn(): void {
    if (this.#held === "end") this.sync();
  }

  /** The user has scrolled. True when that was so, and not a scroll of our own. */
  scrolled(): boolean {
    if (!this.#scroller) return false;
    const { scrollTop } = this.#scroller;
    const way = scrollTop - this.scrollTop;
    if (Math.abs(way) < 0.5) return false;
    if (this.#held === "end" && this.#isAtBrowsersEnd) {
      // The view grew, and the browser kept the scroll bar inside: nobody scrolled.
      this.scrollTop = scrollTop;
      return false;
    }
    const before = this.top;
    const { isVariable, isFinal } = this.#subject;
    const isExact = !isVariable && !isScaled(this.extent);
    this.scrollTop = scrollTop;
    if (isExact || Math.abs(way) > Math.max(2 * this.height, LEAST_JUMP_PX)) {
      const { row, within } = pointedAt(this.rows, toContent(this.extent, scrollTop), this.extent);
      this.#holdAt({ row, within });
    } else this.#holdAt({ row: before.row, within: before.within + way });
    if (this.#isStuck(scrollTop)) this.sync();
    window.clearTimeout(this.#settleTimer);
    this.#settleTimer = window.setTimeout(() => this.#settle(), SETTLE_MS);
    if (isBehind(before, this.top)) this.stopFollowing();
    else if (!isFinal && this.isAtEnd) this.follow();
    return true;
  }

  get #isAtBrowsersEnd(): boolean {
    if (!this.#scroller) return false;
    const { scrollTop, scrollHeight: height, clientHeight } = this.#scroller;
    return scrollTop >= height - clientHeight - 1;
  }

  /** The scroll bar is far from where it belongs, or at an edge that the rows have not reached. */
  #isStuck(scrollTop: number): boolean {
    const wanted = this.#wanted;
    const isAtEdge = scrollTop <= 0 || scrollTop >= maxScrollTop(this.extent);
    return Math.abs(wanted - scrollTop) > (isAtEdge ? 1 : MAX_DRIFT_PX);
  }

  #settle(): void {
    if (this.#subject.isVariable && this.#heights.settle()) this.#measurements += 1;
    this.sync();
  }

  #holdAt(top: Top): void {
    this.#held = { line: this.#subject.map.lineAt(top.row), y: -top.within };
    // Reckoned from the row that is at the top now, so that what is far is never walked over.
    this.#held = { line: this.topLine, y: -this.top.within };
  }

  /** Hold the line that is at the top, wherever it is drawn from now on. */
  stopFollowing(): void {
    if (this.#held !== "end") return;
    this.#held = { line: this.topLine, y: -this.top.within };
    this.seenLines = this.#subject.lineCount;
  }

  /** The line at the top stays there while rows above and below it change. */
  hold(): void {
    if (this.#held !== "end") this.#held = { line: this.topLine, y: -this.top.within };
    else this.stopFollowing();
    void tick().then(() => this.sync());
  }

  follow(): void {
    this.#held = "end";
    this.#place();
  }

  /** Show a line `y` px below the upper edge of the view. */
  show(line: number, y: number): void {
    this.seenLines = this.#subject.lineCount;
    this.#held = { line, y };
    this.#place();
  }

  moveBy(px: number): void {
    const { topLine, top } = this;
    // Upwards the held line is one that has been measured: not a row is passed over.
    if (px < 0) this.#held = { line: topLine, y: -top.within - px };
    else this.#holdAt({ row: top.row, within: top.within + px });
    if (px > 0 && !this.#subject.isFinal && this.isAtEnd) this.#held = "end";
    this.#place();
  }

  /** Now, and once the rows are drawn. */
  #place(): void {
    this.sync();
    void tick().then(() => this.sync());
  }

  /** Px from the upper edge to where a line begins. */
  offsetOf(line: number): number {
    return offsetOf(this.rows, this.top, this.#subject.map.rowOf(line));
  }

  heightOf(line: number): number {
    return this.rows.height(this.#subject.map.rowOf(line));
  }

  /** How the mounted rows came out. */
  measure(rows: Iterable<HTMLElement>): void {
    let isNew = false;
    for (const row of rows) {
      const line = Number(row.dataset["line"]) - 1;
      if (this.#heights.keep(line, row.offsetHeight)) isNew = true;
    }
    if (isNew) this.#measurements += 1;
  }

  /** Rows come out otherwise from now on: another width, another size of letters. */
  remeasure(): void {
    const { topLine, top } = this;
    if (this.#held !== "end") this.#held = { line: topLine, y: -top.within };
    this.#heights = new Heights(this.#subject.rowPx);
  }
}
