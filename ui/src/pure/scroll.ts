/** The scroll bar of a log that browsers cannot lay out: Chromium stops near 33 M px, Firefox near 17 M px.
 * It counts every row with the same height; where rows really lie is `place`'s. The outermost parts map
 * one to one, so that both ends are exact; between them a scroll bar pixel stands for more. */

export const MAX_HEIGHT_PX = 15_000_000;
export const EDGE_PX = 1_000_000;
/** Beyond this much difference the scroll bar is corrected even while the user scrolls. */
export const MAX_DRIFT_PX = 200_000;

export interface Extent {
  rows: number;
  /** Of every row; where heights differ, about their mean. */
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

export function maxScrollTop(extent: Extent): number {
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

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), Math.max(low, high));
}
