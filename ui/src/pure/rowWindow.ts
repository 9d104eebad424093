/** Which rows of a long table are mounted: those in view and some around them. */

export interface RowWindow {
  first: number;
  last: number;
}

const AROUND = 12;
const MOST = 300;

/** `top` is how far the table's first row is above the view's upper edge; all in pixels. `last` is excluded. */
export function rowWindow(top: number, height: number, row: number, count: number): RowWindow {
  const first = Math.min(Math.max(0, Math.floor(top / row) - AROUND), Math.max(0, count - 1));
  const shown = Math.min(MOST, Math.ceil(height / row) + 2 * AROUND);
  return { first, last: Math.min(count, first + shown) };
}
