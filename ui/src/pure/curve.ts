/** A curve over time as an SVG path; a gap in the samples is a gap in the curve. */

export interface Point {
  at: number;
  value: number;
}

export interface Curve {
  path: string;
  least: number;
  most: number;
}

export function curve(
  points: readonly Point[],
  width: number,
  height: number,
  gapMs: number,
): Curve {
  const values = points.map(({ value }) => value);
  const least = Math.min(...values);
  const most = Math.max(...values);
  const first = points[0]?.at ?? 0;
  const span = Math.max(1, (points.at(-1)?.at ?? 0) - first);
  const x = (at: number): string => (((at - first) / span) * width).toFixed(1);
  // A value that never changes is a line in the middle.
  const y = (value: number): string =>
    (most === least ? height / 2 : height - ((value - least) / (most - least)) * height).toFixed(1);
  let path = "";
  points.forEach((point, index) => {
    const before = points[index - 1];
    const isStart = !before || point.at - before.at > gapMs;
    path += `${isStart ? "M" : "L"}${x(point.at)} ${y(point.value)}`;
  });
  return { path, least, most };
}
