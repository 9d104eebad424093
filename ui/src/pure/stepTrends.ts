/** The steps of the last executions of a name, one row for each path, one place for each execution. */

import type { TrendPoint } from "../live/model";

export interface StepTrend {
  path: string[];
  /** Seconds in each execution, oldest first; null where the step was not, or did not end. */
  seconds: (number | null)[];
  last: number | null;
  median: number | null;
}

export function stepTrends(points: readonly TrendPoint[]): StepTrend[] {
  const rows = new Map<string, StepTrend>();
  points.forEach((point, place) => {
    for (const { path, duration_seconds } of point.steps ?? []) {
      const key = JSON.stringify(path);
      const row = rows.get(key) ?? {
        path,
        seconds: points.map(() => null),
        last: null,
        median: null,
      };
      // Steps of one path in one execution: their time together.
      if (duration_seconds !== null)
        row.seconds[place] = (row.seconds[place] ?? 0) + duration_seconds;
      rows.set(key, row);
    }
  });
  return [...rows.values()].map((row) => ({
    ...row,
    last: row.seconds.at(-1) ?? null,
    median: median(row.seconds.filter((value) => value !== null)),
  }));
}

export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length / 2) - 1] ?? null;
}
