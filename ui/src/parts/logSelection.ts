/** The browser's selection over rows that come and go. What is selected is kept by line and column; after the
 * rows have changed the browser's selection is put where they still show it. */

import { ordered, type Selected, type Spot } from "../pure/selection";

interface Point {
  node: Node;
  offset: number;
}

export class LogSelection {
  #anchor: Spot | null = null;
  #focus: Spot | null = null;
  /** Where we have last seen or put the browser's selection: there it tells nothing new. */
  #known: { anchor: Point; focus: Point } | null = null;

  get selected(): Selected | null {
    return this.#anchor && this.#focus ? ordered(this.#anchor, this.#focus) : null;
  }

  select(from: Spot, to: Spot, log: HTMLElement): void {
    getSelection()?.selectAllChildren(log);
    this.#anchor = from;
    this.#focus = to;
    this.restore(log);
  }

  /** The browser's selection has changed. */
  read(log: HTMLElement): void {
    const selection = getSelection();
    if (!selection?.anchorNode || !selection.focusNode || !log.contains(selection.anchorNode)) {
      this.#forget();
      return;
    }
    const anchor = { node: selection.anchorNode, offset: selection.anchorOffset };
    const focus = { node: selection.focusNode, offset: selection.focusOffset };
    const known = this.#known;
    if (known && isSame(known.anchor, anchor) && isSame(known.focus, focus)) return;
    // A caret is a beginning too: a click far away with Shift selects from there, though its row is gone.
    if (!known || !isSame(known.anchor, anchor)) this.#anchor = spotOf(anchor) ?? this.#anchor;
    if (!known || !isSame(known.focus, focus)) this.#focus = spotOf(focus) ?? this.#focus;
    this.#known = { anchor, focus };
    if (selection.isCollapsed) this.#focus = this.#anchor;
  }

  /** The rows have changed. */
  restore(log: HTMLElement): void {
    const selection = getSelection();
    if (!selection || !this.#anchor || !this.#focus || !log.contains(selection.anchorNode)) return;
    const anchor = pointOf(this.#anchor, log);
    const focus = pointOf(this.#focus, log);
    if (!anchor || !focus) return;
    this.#known = { anchor, focus };
    const isThere =
      selection.anchorNode === anchor.node &&
      selection.anchorOffset === anchor.offset &&
      selection.focusNode === focus.node &&
      selection.focusOffset === focus.offset;
    if (!isThere) selection.setBaseAndExtent(anchor.node, anchor.offset, focus.node, focus.offset);
  }

  #forget(): void {
    this.#anchor = this.#focus = this.#known = null;
  }
}

function isSame(a: Point, b: Point): boolean {
  return a.node === b.node && a.offset === b.offset;
}

function spotOf({ node, offset }: Point): Spot | null {
  const element = node instanceof Element ? node : node.parentElement;
  const row = element?.closest<HTMLElement>(".row");
  if (!row) return null;
  const line = Number(row.dataset["line"]) - 1;
  const text = row.querySelector(".text");
  if (!text) return { line, column: 0 };
  const before = document.createRange();
  before.selectNodeContents(text);
  const place = before.comparePoint(node, offset);
  if (place < 0) return { line, column: 0 };
  if (place > 0) return { line, column: Infinity };
  before.setEnd(node, offset);
  return { line, column: before.toString().length };
}

/** Where a spot is shown; beyond the rows that are there, their beginning or end. */
function pointOf(spot: Spot, log: HTMLElement): Point | null {
  const row = log.querySelector<HTMLElement>(`.row[data-line="${spot.line + 1}"]`);
  if (row) return pointIn(row.querySelector(".text") ?? row, spot.column);
  const rows = log.querySelectorAll<HTMLElement>(".row");
  const first = rows[0];
  const last = rows[rows.length - 1];
  if (!first || !last) return null;
  const isAbove = spot.line < Number(first.dataset["line"]);
  const edge = isAbove ? first : last;
  return pointIn(edge.querySelector(".text") ?? edge, isAbove ? 0 : Infinity);
}

function pointIn(text: Element, column: number): Point {
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  let left = column;
  let last: Node | null = null;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const { length } = node as Text;
    if (left <= length) return { node, offset: left };
    left -= length;
    last = node;
  }
  if (last) return { node: last, offset: (last as Text).length };
  return { node: text, offset: column === 0 ? 0 : text.childNodes.length };
}
