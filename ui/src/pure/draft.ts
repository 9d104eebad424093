/** The form of a new execution as people fill it in, and the request that it becomes. */

import type { Execution, NewExecution, Section } from "../live/model";

export interface Variable {
  name: string;
  value: string;
}

export interface DraftSection {
  start: string;
  end: string;
  title: string;
}

export const EMULATED = ["github", "azure", "gitlab", "teamcity", "buildkite"] as const;

export interface Draft {
  kind: "shell" | "list";
  command: string;
  name: string;
  directory: string;
  environment: Variable[];
  secrets: Variable[];
  tags: string;
  timeout: string;
  grace: string;
  maxLogBytes: string;
  metadata: string;
  tty: boolean;
  window: string;
  keepBackground: boolean;
  user: string;
  stdin: boolean;
  isFlat: boolean;
  dialects: string;
  emulate: string[];
  sections: DraftSection[];
  isTraced: boolean;
}

export type DraftProblems = Partial<Record<keyof Draft, true>>;

export function emptyDraft(): Draft {
  return {
    kind: "shell",
    command: "",
    name: "",
    directory: "",
    environment: [],
    secrets: [],
    tags: "",
    timeout: "",
    grace: "",
    maxLogBytes: "",
    metadata: "",
    tty: false,
    window: "",
    keepBackground: false,
    user: "",
    stdin: false,
    isFlat: false,
    dialects: "",
    emulate: [],
    sections: [],
    isTraced: false,
  };
}

/** The draft that repeats an execution. The values of secrets are asked for again: nobody has them. */
export function draftOf(execution: Execution): Draft {
  const { metadata } = execution;
  return {
    kind: execution.argv ? "list" : "shell",
    command: execution.argv ? execution.argv.join("\n") : execution.command,
    name: execution.name,
    directory: execution.working_directory ?? "",
    environment: Object.entries(execution.environment).map(([name, value]) => ({ name, value })),
    secrets: execution.secret_names.map((name) => ({ name, value: "" })),
    tags: execution.tags.join(", "),
    timeout: execution.timeout === null ? "" : String(execution.timeout),
    grace: String(execution.grace),
    maxLogBytes: execution.max_log_bytes === null ? "" : String(execution.max_log_bytes),
    metadata: Object.keys(metadata).length > 0 ? JSON.stringify(metadata) : "",
    tty: execution.tty,
    window: "",
    keepBackground: execution.keep_background,
    user: execution.user ?? "",
    stdin: execution.stdin,
    isFlat: execution.nesting === "flat",
    dialects: [execution.dialects].flat().join(", "),
    emulate: [...execution.emulate],
    sections: execution.sections.map(({ start, end, title }) => ({
      start,
      end,
      title: String(title ?? ""),
    })),
    isTraced: execution.trace === "bash",
  };
}

export function wantedOf(draft: Draft): { wanted: NewExecution | null; problems: DraftProblems } {
  const problems: DraftProblems = {};
  const command = draft.kind === "shell" ? draft.command.trim() : argumentsOf(draft.command);
  if (command.length === 0) problems.command = true;
  const wanted: NewExecution = { command };
  if (draft.name.trim()) wanted.name = draft.name.trim();
  if (draft.directory.trim()) wanted.working_directory = draft.directory.trim();

  const environment = recordOf(draft.environment);
  const secrets = recordOf(draft.secrets);
  if (!environment || !secrets) problems.environment = true;
  if (environment && Object.keys(environment).length > 0) wanted.environment = environment;
  if (secrets && Object.keys(secrets).length > 0) wanted.secret_environment = secrets;

  const tags = listOf(draft.tags);
  if (tags.length > 0) wanted.tags = tags;
  const metadata = metadataOf(draft.metadata);
  if (!metadata) problems.metadata = true;
  else if (Object.keys(metadata).length > 0) wanted.metadata = metadata;

  const timeout = numberOf(draft.timeout);
  const grace = numberOf(draft.grace);
  const maxLogBytes = numberOf(draft.maxLogBytes);
  if (timeout === "invalid") problems.timeout = true;
  else if (timeout !== null) wanted.timeout = timeout;
  if (grace === "invalid") problems.grace = true;
  else if (grace !== null) wanted.grace = grace;
  if (maxLogBytes === "invalid") problems.maxLogBytes = true;
  else if (maxLogBytes !== null) wanted.max_log_bytes = Math.round(maxLogBytes);

  if (draft.tty) {
    wanted.tty = true;
    const window = windowOf(draft.window);
    if (window === "invalid") problems.window = true;
    else if (window !== null) wanted.window = window;
  }
  if (draft.keepBackground) wanted.keep_background = true;
  if (draft.stdin) wanted.stdin = true;
  if (draft.isFlat) wanted.nesting = "flat";
  const [language, ...others] = listOf(draft.dialects);
  if (language !== undefined) {
    const isWord = others.length === 0 && (language === "auto" || language === "none");
    wanted.dialects = isWord ? language : [language, ...others];
  }
  if (draft.emulate.length > 0) wanted.emulate = [...draft.emulate];
  const sections = draft.sections.filter(({ start, end, title }) => start + end + title !== "");
  if (sections.length > 0) wanted.sections = sections.map(sectionOf);
  if (draft.isTraced) wanted.trace = "bash";
  if (draft.user.trim()) wanted.user = draft.user.trim();
  return { wanted: Object.keys(problems).length === 0 ? wanted : null, problems };
}

/** The field of the form that a field of the API is. */
export const FIELDS: Partial<Record<string, keyof Draft>> = {
  command: "command",
  name: "name",
  user: "user",
  working_directory: "directory",
  environment: "environment",
  secret_environment: "secrets",
  tags: "tags",
  timeout: "timeout",
  grace: "grace",
  max_log_bytes: "maxLogBytes",
  metadata: "metadata",
  tty: "tty",
  window: "window",
  stdin: "stdin",
  dialects: "dialects",
  emulate: "emulate",
  sections: "sections",
  trace: "isTraced",
};

/** What stands in the group of the markers. */
export const MARKER_FIELDS: (keyof Draft)[] = ["dialects", "emulate", "sections", "isTraced"];

function argumentsOf(text: string): string[] {
  return text.replace(/\n+$/, "") === "" ? [] : text.replace(/\n+$/, "").split("\n");
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Digits number a group, anything else names it. */
function sectionOf({ start, end, title }: DraftSection): Section {
  if (title.trim() === "") return { start, end };
  return { start, end, title: /^\d+$/.test(title.trim()) ? Number(title) : title.trim() };
}

function recordOf(variables: Variable[]): Record<string, string> | null {
  const used = variables.filter(({ name, value }) => name.trim() !== "" || value !== "");
  if (used.some(({ name }) => name.trim() === "")) return null;
  return Object.fromEntries(used.map(({ name, value }) => [name.trim(), value]));
}

function numberOf(text: string): number | null | "invalid" {
  if (text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : "invalid";
}

/** Rows and columns of "24 x 120". */
function windowOf(text: string): [number, number] | null | "invalid" {
  if (text.trim() === "") return null;
  const found = /^\s*(\d{1,5})\s*[x×*, ]\s*(\d{1,5})\s*$/i.exec(text);
  return found ? [Number(found[1]), Number(found[2])] : "invalid";
}

function metadataOf(text: string): Record<string, unknown> | null {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
