/** Durations as bars: the longest that ended is as high as there is room, and none is invisible. What still
 * runs is cut there: it would make all others flat. */

import type { Status, TrendPoint } from "../live/model";

export interface Bar {
  height: number;
  status: Status;
}

const LEAST = 2;

export function bars(points: readonly TrendPoint[], height: number): Bar[] {
  const timed = points.filter((point) => point.duration_seconds !== null);
  const ended = timed.filter(({ status }) => status !== "running");
  const longest = Math.max(...ended.map((point) => point.duration_seconds ?? 0), 0.001);
  return timed.map(({ duration_seconds, status }) => ({
    height: Math.max(
      LEAST,
      Math.min(height, Math.round(((duration_seconds ?? 0) / longest) * height)),
    ),
    status,
  }));
}
