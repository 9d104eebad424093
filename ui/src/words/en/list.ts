/** The history of executions. */

import { n, ordinal, plural } from "./numbers";

export const list = {
  list: {
    title: "Executions",
    all: "All",
    status: "Status",
    columns: {
      status: "Status",
      name: "Name",
      steps: "Steps",
      started: "Started",
      duration: "Duration",
      user: "User",
    },
    shown: (shown: number, total: number | null) =>
      total === null ? plural(shown, "execution", "executions") : `${n(shown)} of ${n(total)}`,
    trendOf: (name: string) => `Trend of ${name}`,
    choose: (name: string) => `Choose ${name}`,
    chooseAll: "Choose all",
    more: "Load more",
    loading: "Loading",
    empty: "Nothing has run here yet",
    emptyHint: "Start a script here, or from a terminal:",
    none: "No execution matches these filters",
    clear: "Clear filters",
    notStarted: "Not started",
    queuePlace: (place: number) => `${ordinal(place)} in queue`,
    startsIn: (time: string) => `starts in about ${time}`,
    steps: (done: number, total: number) => `${n(done)} of ${n(total)} steps finished`,
    failedSteps: (count: number) => plural(count, "step failed", "steps failed"),
    errors: (count: number) => plural(count, "error", "errors"),
    warnings: (count: number) => plural(count, "warning", "warnings"),
  },
};
