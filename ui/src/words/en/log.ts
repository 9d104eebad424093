/** The log view, its dialog of one line, and its search. */

import { n, ordinal, plural } from "./numbers";

export const log = {
  log: {
    label: "Log",
    toolbar: "Log tools",
    newLines: (count: number) => `${plural(count, "new line", "new lines")} — press F`,
    toEnd: "Jump to the end — press F",
    time: { off: "Time: off", clock: "Time: clock", elapsed: "Time: elapsed" },
    timeHint: "Times of the lines (t)",
    control: "Control lines",
    controlHint: "Show marker lines as they were printed",
    wrap: "Wrap",
    wrapHint: "Wrap long lines (w)",
    rate: (perSecond: number) => `${n(perSecond)} lines/s`,
    follow: "Follow",
    latency: (ms: number) => `${n(ms)} ms`,
    latencyHint: "From this page to the server and back",
    search: "Search",
    download: "Download",
    plain: "Plain text",
    clipped: (size: string) => `show all ${size}`,
    updates: (count: number) => `×${n(count)}`,
    updatesHint: (count: number) =>
      `Redrawn ${plural(count, "time", "times")}; the last state is shown`,
    permalink: (number: number) => `Line ${number}: copy link`,
    lines: (count: number) => plural(count, "line", "lines"),
    silent: (text: string) => `no output for ${text}`,
    landed: "Opened at the first error. Home goes to the start.",
    linkCopied: "Link copied",
    linesCopied: (count: number) => `${plural(count, "line", "lines")} copied`,
    allSelected: (count: number) =>
      `All ${plural(count, "line", "lines")} selected. Copy with Ctrl+C.`,
    tooLarge: (size: string) => `${size} is too much for the clipboard: use Download.`,
    artifact: "Artifact",
    queued: (place: number | null) =>
      place === null
        ? "Queued, waiting for a free place."
        : `${ordinal(place)} in queue, waiting for a free place.`,
    starting: "Started, no output yet.",
    nothing: "It printed nothing.",
    opening: "Opening the log",
    here: "Steps at the top of the view",
    fold: (name: string) => `Lines of ${name}`,
  },
  lineDialog: {
    title: (number: number) => `Line ${n(number)}`,
    size: (size: string) => `${size} in one line`,
    updates: (count: number) => `${plural(count, "state", "states")}, oldest first`,
    more: "Load more",
    copy: "Copy",
    copied: "Copied",
    loading: "Loading",
  },
  search: {
    label: "Search the whole log",
    placeholder: "Search the whole log",
    regex: "Regular expression",
    case: "Match case",
    next: "Next match (n)",
    previous: "Previous match (N)",
    close: "Close search (Esc)",
    running: "Searching",
    none: "No match",
    place: (place: number, total: number, isExact: boolean) =>
      `${n(place)} of ${isExact ? "" : "at least "}${n(total)}`,
    took: (ms: number) => `${Math.max(1, Math.round(ms))} ms`,
  },
};
