/** A whole log in a column of pixels: which of them hold something worth seeing. */

/** The pixels at which rows lie, each once, from top to bottom. */
export function pixels(rows: Iterable<number>, rowCount: number, height: number): number[] {
  const found = new Set<number>();
  const last = Math.max(0, height - 1);
  for (const row of rows) {
    if (rowCount > 0) found.add(Math.min(last, Math.floor((row / rowCount) * height)));
  }
  return [...found].sort((a, b) => a - b);
}

export interface Box {
  top: number;
  height: number;
}

const LEAST_BOX_PX = 12;

/** What is in view, never so small that it cannot be seen or held. */
export function box(first: number, end: number, rowCount: number, height: number): Box {
  if (rowCount === 0) return { top: 0, height };
  const size = Math.min(height, Math.max(LEAST_BOX_PX, ((end - first) / rowCount) * height));
  const free = rowCount - (end - first);
  return { top: free <= 0 ? 0 : Math.min(1, first / free) * (height - size), height: size };
}

/** The row at the top of the view when the box is pulled so that its middle is at `y`. */
export function rowAt(y: number, inView: number, rowCount: number, height: number): number {
  const { height: size } = box(0, inView, rowCount, height);
  const part = height <= size ? 0 : (y - size / 2) / (height - size);
  return Math.max(0, Math.min(1, part)) * Math.max(0, rowCount - inView);
}
