/** Scrolling over more rows than a browser can lay out: Chromium stops near 33 M px, Firefox near 17 M px.
 * `contentTop` is where we are in the full height, `scrollTop` where the scroll bar is. The outermost
 * parts map one to one, so that both ends are exact; between them a scroll bar pixel stands for more. */

export const MAX_HEIGHT_PX = 15_000_000;
export const EDGE_PX = 1_000_000;
/** Beyond this much difference the scroll bar is corrected even while the user scrolls. */
export const MAX_DRIFT_PX = 200_000;

export interface Extent {
  rows: number;
  rowHeight: number;
  viewport: number;
}

export function contentHeight(extent: Extent): number {
  return extent.rows * extent.rowHeight;
}

export function scrollHeight(extent: Extent): number {
  return Math.min(contentHeight(extent), MAX_HEIGHT_PX);
}

export function isScaled(extent: Extent): boolean {
  return contentHeight(extent) > MAX_HEIGHT_PX;
}

export function maxContentTop(extent: Extent): number {
  return Math.max(0, contentHeight(extent) - extent.viewport);
}

function maxScrollTop(extent: Extent): number {
  return Math.max(0, scrollHeight(extent) - extent.viewport);
}

export function toContent(extent: Extent, scrollTop: number): number {
  const most = maxScrollTop(extent);
  const real = clamp(scrollTop, 0, most);
  if (!isScaled(extent) || real <= EDGE_PX) return real;
  if (real >= most - EDGE_PX) return maxContentTop(extent) - (most - real);
  return EDGE_PX + (real - EDGE_PX) * stretch(extent);
}

export function toScroll(extent: Extent, contentTop: number): number {
  const most = maxContentTop(extent);
  const content = clamp(contentTop, 0, most);
  if (!isScaled(extent) || content <= EDGE_PX) return content;
  if (content >= most - EDGE_PX) return maxScrollTop(extent) - (most - content);
  return EDGE_PX + (content - EDGE_PX) / stretch(extent);
}

function stretch(extent: Extent): number {
  return (maxContentTop(extent) - 2 * EDGE_PX) / (maxScrollTop(extent) - 2 * EDGE_PX);
}

export interface Place {
  scrollTop: number;
  contentTop: number;
}

/** Where a scroll event leads: a short way is kept pixel by pixel, a long one is a jump of the scroll bar. */
export function moved(extent: Extent, place: Place, scrollTop: number): Place {
  const way = scrollTop - place.scrollTop;
  const isShort = isScaled(extent) && Math.abs(way) <= 2 * extent.viewport;
  const contentTop = isShort
    ? clamp(place.contentTop + way, 0, maxContentTop(extent))
    : toContent(extent, scrollTop);
  return { scrollTop, contentTop };
}

export function drift(extent: Extent, place: Place): number {
  return Math.abs(toScroll(extent, place.contentTop) - place.scrollTop);
}

export interface RowRange {
  first: number;
  /** One behind the last. */
  end: number;
}

export function visibleRows(extent: Extent, contentTop: number, overscan: number): RowRange {
  const first = Math.floor(contentTop / extent.rowHeight) - overscan;
  const end = Math.ceil((contentTop + extent.viewport) / extent.rowHeight) + overscan;
  return { first: clamp(first, 0, extent.rows), end: clamp(end, 0, extent.rows) };
}

/** The place that shows a row with some context above it. */
export function topFor(extent: Extent, row: number, context: number): number {
  return clamp((row - context) * extent.rowHeight, 0, maxContentTop(extent));
}

export function isAtEnd(extent: Extent, contentTop: number): boolean {
  return contentTop >= maxContentTop(extent) - extent.rowHeight / 2;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), Math.max(low, high));
}
