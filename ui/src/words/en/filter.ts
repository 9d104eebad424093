/** The filter language of the history: what is wrong, what completes. */

import { n, plural } from "./numbers";

export const filter = {
  filter: {
    label: "Filter",
    placeholder: 'Words, or status:failed tag:nightly duration:>5m "text in log"',
    help: "The filter language",
    clear: "Clear the filter",
    options: "Completions",
    problem: {
      key: (term: string) =>
        `“${term}”: there is no such key. To look for these words, quote them.`,
      empty: (term: string) => `“${term}”: a value is missing.`,
      twice: (term: string) => `“${term}”: this was already said.`,
      status: (term: string) =>
        `“${term}”: a status is running, pending, failed, completed or cancelled.`,
      exit: (term: string) => `“${term}”: an exit code is a whole number.`,
      duration: (term: string) => `“${term}”: write >5m, <30s or 10s..1m.`,
      moment: (term: string) => `“${term}”: write >7d (since), <7d (before) or 2026-11-24.`,
      meta: (term: string) => `“${term}”: a value of metadata has no comma here.`,
      quote: (term: string) => `“${term}”: the closing quote is missing.`,
    },
    looked: (count: number, back: string) =>
      `Looked at ${plural(count, "execution", "executions")}, back to ${back}.`,
    lookedAll: (count: number) => `Looked at all ${plural(count, "execution", "executions")}.`,
    halfRead: (count: number) =>
      `${plural(count, "log was", "logs were")} too long to be read to the end.`,
    further: "Look further",
    guide: {
      words: "Words of names, commands, tags, errors",
      log: "Text of the log",
      status: "Several with commas",
      tag: "One tag, as written",
      name: "The whole name",
      user: "Who started it",
      step: "Part of a step’s name",
      meta: "A value of the metadata",
      exit: "An exit code",
      duration: "Longer; < is shorter, 10s..1m between",
      started: "In the last seven days; < is before, a date is that day",
    },
    views: "Saved views",
    saveView: "Save view",
    viewName: "Name of the view",
    save: "Save",
    forgetView: (name: string) => `Forget the view ${name}`,
  },
  bulk: {
    label: "Actions on the chosen",
    chosen: (count: number) => `${n(count)} chosen`,
    none: "Choose none",
    compare: "Compare",
    rerun: "Rerun",
    cancel: "Cancel",
    delete: "Delete",
    ask: {
      rerun: (count: number) => `Rerun ${plural(count, "execution", "executions")}?`,
      cancel: (count: number) => `Cancel ${plural(count, "execution", "executions")}?`,
      delete: (count: number) => `Delete ${plural(count, "execution", "executions")}?`,
    },
    text: {
      rerun: "Each of them is started again as it was.",
      cancel: "Each gets SIGTERM and, after its grace, SIGKILL. What has ended is left alone.",
      delete: "With their logs and artifacts. This can’t be undone.",
    },
    confirm: {
      rerun: "Rerun them",
      cancel: "Cancel them",
      delete: "Delete them",
    },
    back: "Leave them",
    finish: "Done",
    waiting: "waiting",
    done: "done",
    result: (done: number, failed: number) =>
      failed === 0 ? `${n(done)} done` : `${n(done)} done, ${n(failed)} refused`,
  },
};
