/** Durations, moments, sizes and numbers as people read them. No clock here: "now" is handed in. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "0s", "32ms", "0.4s", "12s", "3m 04s", "2h 05m", "3d 4h". */
export function duration(seconds: number): string {
  const safe = Math.max(0, seconds);
  if (safe === 0) return "0s";
  if (safe < 0.1) return `${Math.floor(safe * 1000)}ms`;
  if (safe < 10) return `${(Math.floor(safe * 10) / 10).toFixed(1)}s`;
  const whole = Math.floor(safe);
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m ${two(whole % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** A difference of durations: "+1.2s", "−3m 04s", "±0". */
export function signedDuration(seconds: number): string {
  if (Math.abs(seconds) < 0.1) return "±0";
  return (seconds < 0 ? "−" : "+") + duration(Math.abs(seconds));
}

/** The same while it ticks: whole seconds only, so that it does not flicker. */
export function ticking(seconds: number): string {
  return seconds < 10 ? `${Math.max(0, Math.floor(seconds))}s` : duration(seconds);
}

type Unit = "seconds" | "minutes" | "hours" | "days";

/** `words` are in the catalogues: a formatter of the browser takes it 20 ms to make. */
export function relative(
  at: number,
  now: number,
  words: Record<Unit, (count: number) => string>,
  locale: string,
): string {
  const age = Math.max(0, now - at);
  if (age < MINUTE) return words.seconds(Math.floor(age / SECOND));
  if (age < HOUR) return words.minutes(Math.floor(age / MINUTE));
  if (age < DAY) return words.hours(Math.floor(age / HOUR));
  if (age < 30 * DAY) return words.days(Math.floor(age / DAY));
  return new Date(at).toLocaleDateString(locale, {
    year: "numeric",
    month: "short",
    day: "numeric",
  });
}

/** "2026-11-23 15:04:05" in the viewer's zone. */
export function absolute(at: number): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** "15:04:05.123" */
export function clock(at: number): string {
  const date = new Date(at);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${time}.${three(date.getMilliseconds())}`;
}

/** "00:12.345", with hours when there are any: the time since the execution's start. */
export function elapsed(ms: number): string {
  const safe = Math.max(0, ms);
  const hours = Math.floor(safe / HOUR);
  const rest = `${two(Math.floor(safe / MINUTE) % 60)}:${two(Math.floor(safe / SECOND) % 60)}`;
  return `${hours > 0 ? `${hours}:` : ""}${rest}.${three(Math.floor(safe) % 1000)}`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** Milliseconds of a time of the API, or null. */
export function moment(text: string | null | undefined): number | null {
  if (!text) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function three(value: number): string {
  return String(value).padStart(3, "0");
}
