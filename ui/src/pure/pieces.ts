/** Styled spans cut where links and search hits begin and end: what a row of the log draws. */

import type { Span, Style } from "./ansi";

export interface Piece {
  text: string;
  style: Style;
  href: string | null;
  isHit: boolean;
}

export interface Range {
  start: number;
  end: number;
}

const URL_PATTERN = /\bhttps?:\/\/[^\s<>"'`\u0000-\u001f]{3,2000}/g;

export function pieces(spans: readonly Span[], hits: readonly Range[] = []): Piece[] {
  const text = spans.map((span) => span.text).join("");
  const links = text.includes("://") ? linksIn(text) : [];
  const cuts = cutsOf(links, hits);
  const made: Piece[] = [];
  let at = 0;
  for (const span of spans) {
    const end = at + span.text.length;
    for (const [from, to] of parts(at, end, cuts)) {
      made.push({
        text: text.slice(from, to),
        style: span.style,
        href:
          span.style.href ??
          links.find((link) => link.start <= from && from < link.end)?.href ??
          null,
        isHit: hits.some((hit) => hit.start <= from && from < hit.end),
      });
    }
    at = end;
  }
  return made;
}

function cutsOf(links: readonly Range[], hits: readonly Range[]): number[] {
  return [...links, ...hits].flatMap((range) => [range.start, range.end]).sort((a, b) => a - b);
}

function* parts(start: number, end: number, cuts: readonly number[]): Generator<[number, number]> {
  let at = start;
  for (const cut of cuts) {
    if (cut <= at || cut >= end) continue;
    yield [at, cut];
    at = cut;
  }
  if (at < end) yield [at, end];
}

interface Link extends Range {
  href: string;
}

function linksIn(text: string): Link[] {
  return Array.from(text.matchAll(URL_PATTERN), (match) => {
    const href = match[0].replace(/[.,;:!?)\]}]+$/, "");
    return { start: match.index, end: match.index + href.length, href };
  });
}

/** Where a literal text occurs; the search itself is the server's, this only marks what is on screen. */
export function occurrences(text: string, wanted: string, isCaseSensitive: boolean): Range[] {
  if (wanted === "") return [];
  const hay = isCaseSensitive ? text : text.toLowerCase();
  const needle = isCaseSensitive ? wanted : wanted.toLowerCase();
  const found: Range[] = [];
  for (
    let at = hay.indexOf(needle);
    at >= 0 && found.length < 200;
    at = hay.indexOf(needle, at + needle.length)
  ) {
    found.push({ start: at, end: at + needle.length });
  }
  return found;
}
