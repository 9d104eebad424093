/** What a view of a log shows, for rows of any height. The place is one row and where it lies in the view, so
 * that rows that turn out higher or lower than thought (wrapped lines, opened JSON) never move what is read. */

import { maxContentTop, type Extent } from "./scroll";

export interface Rows {
  readonly count: number;
  height(row: number): number;
}

/** The row at the upper edge of the view, and how much of it lies above that edge. */
export interface Top {
  readonly row: number;
  readonly within: number;
}

/** Mounted rows. `above`: px of them above the upper edge of the view; `shown`: how many are in view. */
export interface Mounted {
  readonly first: number;
  /** One behind the last. */
  readonly end: number;
  readonly above: number;
  readonly shown: number;
}

export const MOST_MOUNTED = 300;

/** The top of a view in which `row` begins `y` px below the upper edge, as far as there are rows to show. */
export function topFor(rows: Rows, row: number, y: number, viewport: number): Top {
  if (rows.count === 0) return { row: 0, within: 0 };
  let at = Math.min(Math.max(0, row), rows.count - 1);
  let top = y;
  while (top > 0 && at > 0) {
    at -= 1;
    top -= rows.height(at);
  }
  if (top > 0) top = 0;
  while (at < rows.count - 1 && top + rows.height(at) <= 0) {
    top += rows.height(at);
    at += 1;
  }
  const wanted = { row: at, within: Math.abs(top) };
  const end = endOf(rows, viewport);
  return isBehind(wanted, end) ? end : wanted;
}

/** The view that ends with the last row. */
export function endOf(rows: Rows, viewport: number): Top {
  let row = rows.count;
  let left = viewport;
  while (row > 0 && left > 0) {
    row -= 1;
    left -= rows.height(row);
  }
  return { row, within: Math.max(0, -left) };
}

export function isBehind(a: Top, b: Top): boolean {
  return a.row > b.row || (a.row === b.row && a.within > b.within);
}

/** The end is the end within half a row. */
export function isAtEnd(rows: Rows, top: Top, viewport: number): boolean {
  const end = endOf(rows, viewport);
  if (top.row !== end.row) return top.row > end.row;
  return top.within >= end.within - 10;
}

/** The rows to mount: those in view and some around them. */
export function mounted(rows: Rows, top: Top, viewport: number, overscan: number): Mounted {
  const first = Math.max(0, top.row - overscan);
  let above = top.within;
  for (let row = first; row < top.row; row += 1) above += rows.height(row);
  let end = top.row;
  let below = -top.within;
  while (end < rows.count && below < viewport && end - first < MOST_MOUNTED - overscan) {
    below += rows.height(end);
    end += 1;
  }
  const shown = end - top.row;
  return { first, end: Math.min(rows.count, end + overscan), above, shown };
}

/** Px from the upper edge of the view to where a row begins; of rows far away only the direction is true. */
export function offsetOf(rows: Rows, top: Top, row: number): number {
  const distance = row - top.row;
  if (Math.abs(distance) > MOST_MOUNTED) return distance * rows.height(row);
  let y = -top.within;
  for (let at = top.row; at < row; at += 1) y += rows.height(at);
  for (let at = row; at < top.row; at += 1) y -= rows.height(at);
  return y;
}

/** Where a top is in the height that the scroll bar counts: in proportion, so that the end of the bar is the end
 * of the rows, whatever they are high. */
export function contentTopOf(rows: Rows, top: Top, extent: Extent): number {
  const last = progress(rows, endOf(rows, extent.viewport));
  return last === 0 ? 0 : (progress(rows, top) / last) * maxContentTop(extent);
}

/** And back: what the scroll bar points at. */
export function pointedAt(rows: Rows, contentTop: number, extent: Extent): Top {
  const most = maxContentTop(extent);
  const last = progress(rows, endOf(rows, extent.viewport));
  if (most === 0 || last === 0) return { row: 0, within: 0 };
  const wanted = Math.min(1, contentTop / most) * last;
  const row = Math.min(Math.floor(wanted), rows.count - 1);
  return { row, within: Math.min(1, wanted - row) * rows.height(row) };
}

/** Rows above the upper edge, with the part of one. */
function progress(rows: Rows, top: Top): number {
  return rows.count === 0 ? 0 : top.row + top.within / rows.height(top.row);
}
