/** The filter language of the history: `status:failed tag:nightly duration:>5m "text in log"`.
 * Bare words search names, commands, tags and outcomes; quoted text searches logs. The server filters. */

import type { Status } from "../live/model";

export const STATUSES: readonly Status[] = [
  "running",
  "pending",
  "failed",
  "completed",
  "cancelled",
];
export const KEYS = [
  "status",
  "tag",
  "name",
  "user",
  "step",
  "meta.",
  "exit",
  "duration",
  "started",
] as const;
export type Key = (typeof KEYS)[number];

/** The query of the API. */
export interface Filter {
  q?: string;
  status?: string;
  tag?: string;
  name?: string;
  user?: string;
  step?: string;
  meta?: string;
  exit?: number;
  min_duration?: number;
  max_duration?: number;
  since?: string;
  until?: string;
  log?: string;
}

export type FilterProblem =
  "key" | "empty" | "twice" | "status" | "exit" | "duration" | "moment" | "quote" | "meta";

export interface Trouble {
  kind: FilterProblem;
  term: string;
}

export interface Term {
  text: string;
  from: number;
  to: number;
  isClosed: boolean;
}

export interface Parsed {
  filter: Filter;
  troubles: Trouble[];
}

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const AMOUNT = /^(\d+(?:\.\d+)?)(s|m|h|d|w)$/;

/** Terms by white space; quotes hold it together. */
export function termsOf(text: string): Term[] {
  const terms: Term[] = [];
  for (const found of text.matchAll(/(?:"[^"]*"?|[^\s"])+/g)) {
    const isClosed = (found[0].match(/"/g)?.length ?? 0) % 2 === 0;
    terms.push({ text: found[0], from: found.index, to: found.index + found[0].length, isClosed });
  }
  return terms;
}

export function parsed(text: string, now: number): Parsed {
  const filter: Filter = {};
  const troubles: Trouble[] = [];
  const words: string[] = [];
  const put = (term: Term, values: Filter): void => {
    const isTwice = Object.keys(values).some((key) => key in filter);
    if (isTwice) troubles.push({ kind: "twice", term: term.text });
    else Object.assign(filter, values);
  };
  for (const term of termsOf(text)) {
    const read = readTerm(term, now);
    if (typeof read === "string") troubles.push({ kind: read, term: term.text });
    else if (read.q !== undefined) words.push(read.q);
    else if (read.meta !== undefined && filter.meta !== undefined) filter.meta += `,${read.meta}`;
    else put(term, read);
  }
  if (words.length > 0) filter.q = words.join(" ");
  return { filter, troubles };
}

function readTerm(term: Term, now: number): Filter | FilterProblem {
  if (!term.isClosed) return "quote";
  if (term.text.startsWith('"')) {
    const log = unquoted(term.text);
    return log === "" ? "empty" : { log };
  }
  const meta = /^meta\.([^=:]*)[=:](.*)$/.exec(term.text);
  if (meta) return metaOf(meta[1] ?? "", unquoted(meta[2] ?? ""));
  // An address is a word, not a key.
  const pair = /^([a-z_.]+):(?!\/\/)(.*)$/.exec(term.text);
  if (!pair) return { q: unquoted(term.text) };
  const [, key = "", value = ""] = pair;
  return valueOf(key, unquoted(value), now);
}

function metaOf(key: string, value: string): Filter | FilterProblem {
  if (key === "" || value === "") return "empty";
  return value.includes(",") ? "meta" : { meta: `${key}=${value}` };
}

function valueOf(key: string, value: string, now: number): Filter | FilterProblem {
  const isKnown = (KEYS as readonly string[]).includes(key);
  if (!isKnown) return "key";
  if (value === "") return "empty";
  switch (key) {
    case "status":
      return value.split(",").every((one) => (STATUSES as readonly string[]).includes(one))
        ? { status: value }
        : "status";
    case "exit":
      return /^-?\d{1,9}$/.test(value) ? { exit: Number(value) } : "exit";
    case "duration":
      return durationOf(value);
    case "started":
      return momentOf(value, now);
    default:
      return { [key]: value };
  }
}

/** `>5m`, `<30s`, `5m..1h` */
function durationOf(value: string): Filter | FilterProblem {
  const range = value.split("..");
  if (range.length === 2) {
    const [from, to] = range.map((text) => seconds(text));
    return from == null || to == null ? "duration" : { min_duration: from, max_duration: to };
  }
  const amount = seconds(value.slice(1));
  if (amount === null) return "duration";
  if (value.startsWith(">")) return { min_duration: amount };
  return value.startsWith("<") ? { max_duration: amount } : "duration";
}

/** A moment is so long ago (`7d`) or a day (`2026-11-24`); `>` is after it, `<` before. */
function momentOf(value: string, now: number): Filter | FilterProblem {
  const side = /^[<>]/.test(value) ? value.charAt(0) : "";
  const text = value.slice(side.length);
  const ago = seconds(text);
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00`) : Number.NaN;
  const at = ago === null ? day : now - 1000 * ago;
  if (Number.isNaN(at)) return "moment";
  if (side === ">") return { since: isoOf(at) };
  if (side === "<") return { until: isoOf(at) };
  return ago === null ? { since: isoOf(at), until: isoOf(nextDay(at)) } : "moment";
}

function nextDay(at: number): number {
  const day = new Date(at);
  day.setDate(day.getDate() + 1);
  return day.getTime();
}

function isoOf(at: number): string {
  return new Date(at).toISOString();
}

function seconds(text: string): number | null {
  const found = AMOUNT.exec(text);
  return found ? Number(found[1]) * (SECONDS[found[2] ?? ""] ?? 0) : null;
}

function unquoted(text: string): string {
  return text.replaceAll('"', "");
}

/** A value as the language writes it. */
export function quoted(value: string): string {
  return /\s/.test(value) ? `"${value.replaceAll('"', "")}"` : value.replaceAll('"', "");
}

/** The text with `key:value` in place of what it had of that key; without it for an empty value. */
export function withTerm(text: string, key: string, value: string): string {
  const others = termsOf(text)
    .map((term) => term.text)
    .filter((term) => !term.startsWith(`${key}:`));
  if (value !== "") others.push(`${key}:${quoted(value)}`);
  return others.join(" ");
}

export interface Known {
  tags: readonly string[];
  names: readonly string[];
  users: readonly string[];
  metaKeys: readonly string[];
}

export interface Completion {
  from: number;
  to: number;
  options: string[];
}

const MOST_OPTIONS = 9;

/** What the term at the caret may become. */
export function completion(text: string, caret: number, known: Known): Completion {
  const term = termsOf(text).find(({ from, to }) => from < caret && caret <= to);
  const from = term?.from ?? caret;
  const typed = text.slice(from, caret);
  const options = optionsFor(typed, known).filter((option) => option !== typed);
  return { from, to: term?.to ?? caret, options: options.slice(0, MOST_OPTIONS) };
}

function optionsFor(typed: string, known: Known): string[] {
  if (typed.startsWith('"')) return [];
  if (typed.startsWith("meta.")) {
    return starting(
      known.metaKeys.map((key) => `meta.${key}=`),
      typed,
    );
  }
  const colon = typed.indexOf(":");
  if (colon < 0) {
    return starting(
      KEYS.map((key) => (key === "meta." ? key : `${key}:`)),
      typed,
    );
  }
  const key = typed.slice(0, colon);
  const values: Record<string, readonly string[]> = {
    status: STATUSES,
    tag: known.tags,
    name: known.names,
    user: known.users,
    exit: ["0", "1", "2", "127", "137", "143"],
    duration: [">1m", ">10m", ">1h", "<10s"],
    started: [">1h", ">24h", ">7d", ">30d", "<7d"],
  };
  return starting(
    (values[key] ?? []).map((value) => `${key}:${quoted(value)}`),
    typed,
  );
}

function starting(options: readonly string[], typed: string): string[] {
  const wanted = typed.toLowerCase().replaceAll('"', "");
  return options.filter((option) => option.toLowerCase().replaceAll('"', "").startsWith(wanted));
}
