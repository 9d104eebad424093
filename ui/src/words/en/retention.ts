/** Retention on the system page. */

import { n, plural } from "./numbers";

const found = (executions: number, artifacts: number, size: string): string =>
  `${plural(executions, "execution", "executions")} and ${plural(artifacts, "artifact", "artifacts")}, ${size}`;

export const retention = {
  retention: {
    title: "Retention",
    everything: "Everything is kept.",
    kept: (rules: string) => `Kept: ${rules}.`,
    days: (days: number) => `executions of the last ${plural(days, "day", "days")}`,
    count: (count: number) => `the newest ${n(count)}`,
    size: (size: string) => `at most ${size} in all`,
    tags: (tags: string) => `Rules of their own: ${tags}.`,
    nextAt: (at: string) => `Next run: ${at}.`,
    nothing: "There is nothing to remove.",
    would: (executions: number, artifacts: number, size: string) =>
      `The rules would remove ${found(executions, artifacts, size)}.`,
    removed: (executions: number, artifacts: number, size: string) =>
      `Removed: ${found(executions, artifacts, size)}.`,
    pinned: (count: number) => `${n(count)} stay, being pinned.`,
    prune: "Remove now",
    pruning: "Removing",
    ask: "Remove what the rules say?",
    final: "This can’t be undone.",
    more: (count: number) => `And ${n(count)} more.`,
    keepAll: "Keep them",
  },
};
