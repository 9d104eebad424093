/** Numbers, plurals and places as English writes them. */

import { grouped } from "../../pure/grouped";

export const n = grouped;

export function plural(value: number, one: string, many: string): string {
  return `${n(value)} ${value === 1 ? one : many}`;
}

export function ordinal(value: number): string {
  const rest = value % 100;
  if (rest >= 11 && rest <= 13) return `${n(value)}th`;
  return n(value) + (["th", "st", "nd", "rd"][value % 10] ?? "th");
}
