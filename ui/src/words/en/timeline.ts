/** The timeline of one execution. */

import { n, plural } from "./numbers";

export const timeline = {
  timeline: {
    label: (count: number) =>
      `Timeline of ${plural(count, "step", "steps")}. Arrows move and scroll, plus and minus zoom, Enter shows the log.`,
    hint: "Wheel zooms, drag selects a time",
    table: "Table",
    zoomIn: "Zoom in",
    zoomOut: "Zoom out",
    all: "Show all",
    zoomTo: "Zoom to it",
    clear: "Clear",
    critical: "decided the duration",
    range: (from: string, to: string) => `${from} – ${to}`,
    after: (time: string) => `began after ${time}`,
    cpu: (peak: number) => `CPU, peak ${n(peak)}%`,
    memory: (peak: string) => `Memory, peak ${peak}`,
    usage: (cpu: number, memory: string) =>
      `Processor and memory over time: at most ${n(cpu)}% and ${memory}`,
    columns: {
      step: "Step",
      status: "Status",
      start: "Began after",
      duration: "Duration",
      usual: "Usually",
      critical: "Decided the duration",
    },
  },
};
