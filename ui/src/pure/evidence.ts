/** What speaks for a cause of a failure. Evidence, not proof: each says what it rests on. */

import type { Execution } from "../live/model";

export type Evidence =
  | { kind: "memory_line" | "disk_line" | "network_line"; line: number; text: string }
  | { kind: "killed_by_kernel"; peakBytes: number | null; totalBytes: number | null }
  | { kind: "not_found" | "not_executable" | "command_killed"; code: number };

export interface SeenLine {
  number: number;
  text: string;
}

const MEMORY =
  /out of memory|cannot allocate memory|\bMemoryError\b|std::bad_alloc|java\.lang\.OutOfMemoryError|heap out of memory|\bOOM\b|oom-kill|ENOMEM/i;
const DISK = /no space left on device|\bENOSPC\b|disk quota exceeded|\bEDQUOT\b|disk (?:is )?full/i;
const NETWORK =
  /connection (?:refused|timed out|reset)|could not resolve host|name or service not known|temporary failure in name resolution|network is unreachable|\bECONNREFUSED\b|\bETIMEDOUT\b/i;
const SIGKILL = 9;

export function evidenceOf(
  execution: Execution,
  lines: readonly SeenLine[],
  memoryTotalBytes: number | null,
): Evidence[] {
  const found: Evidence[] = [];
  const outcome = execution.outcome;
  // Nobody here asked for it: the kernel sends it when memory runs out, or a person by hand.
  if (outcome?.kind === "killed" && outcome.signal === SIGKILL && !execution.cancellation) {
    found.push({
      kind: "killed_by_kernel",
      peakBytes: execution.memory_peak_bytes,
      totalBytes: memoryTotalBytes,
    });
  }
  for (const [kind, pattern] of [
    ["memory_line", MEMORY],
    ["disk_line", DISK],
    ["network_line", NETWORK],
  ] as const) {
    const line = lines.findLast(({ text }) => pattern.test(text));
    if (line) found.push({ kind, line: line.number, text: line.text.trim().slice(0, 200) });
  }
  if (outcome?.kind === "failed") {
    if (outcome.exit_code === 127) found.push({ kind: "not_found", code: 127 });
    else if (outcome.exit_code === 126) found.push({ kind: "not_executable", code: 126 });
    else if ((outcome.exit_code ?? 0) > 128 && (outcome.exit_code ?? 0) <= 128 + 64)
      found.push({ kind: "command_killed", code: outcome.exit_code ?? 0 });
  }
  return found;
}

export const SIGNALS: Record<number, string> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
  24: "SIGXCPU",
  25: "SIGXFSZ",
};

export function signalName(number: number): string {
  return SIGNALS[number] ?? String(number);
}
