/** What somebody types to go somewhere in a log: `1234`, `50%`, `end`, a time of the day, a date, or `+90s` since the
 * execution began. */

export type Destination =
  | { kind: "line"; line: number }
  | { kind: "part"; part: number }
  | { kind: "end" }
  | { kind: "time"; at: number };

/** Null when it names nothing. */
export function destination(text: string, startedAt: number): Destination | null {
  const wanted = text.trim();
  const number = /^L?([\d,._ ]+)$/i.exec(wanted);
  if (number) {
    const line = Number((number[1] ?? "").replace(/[^\d]/g, ""));
    return line >= 1 ? { kind: "line", line: line - 1 } : null;
  }
  const percent = /^(\d{1,3}(?:\.\d+)?)\s*%$/.exec(wanted);
  if (percent) return { kind: "part", part: Math.min(1, Number(percent[1]) / 100) };
  if (/^(?:end|\$)$/i.test(wanted)) return { kind: "end" };
  const at = momentNamed(wanted, startedAt);
  return at === null ? null : { kind: "time", at };
}

/** Unix milliseconds of `14:32`, `14:32:05`, `2026-11-23 14:32`, an ISO time, or `+1h5m` since the beginning.
 * A time of the day is the first one after the execution began, in the viewer's zone. */
export function momentNamed(text: string, startedAt: number): number | null {
  const wanted = text.trim();
  const since = /^\+(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+(?:\.\d+)?)s?)?$/.exec(wanted);
  if (since && wanted !== "+") {
    const [hours, minutes, seconds] = since.slice(1).map((part) => Number(part ?? 0));
    return startedAt + 1000 * ((hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0));
  }
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?$/.exec(wanted);
  if (clock) return timeOfDay(clock, startedAt);
  if (!/^\d{4}-\d{2}-\d{2}/.test(wanted)) return null;
  const at = Date.parse(wanted.replace(" ", "T"));
  return Number.isNaN(at) ? null : at;
}

function timeOfDay(clock: RegExpExecArray, startedAt: number): number | null {
  const [hour = 0, minute = 0, second = 0] = clock.slice(1, 4).map((part) => Number(part ?? 0));
  if (hour > 23 || minute > 59 || second > 59) return null;
  const date = new Date(startedAt);
  date.setHours(hour, minute, second, Number((clock[4] ?? "0").padEnd(3, "0")));
  // A run that began at 23:50 has its 00:10 on the next day. Its own first second is not yet the next day's.
  if (date.getTime() < startedAt - 1000) date.setDate(date.getDate() + 1);
  return date.getTime();
}
