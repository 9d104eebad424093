/** The form of a new execution as people fill it in, and the request that it becomes. */

import type { Execution, NewExecution } from "../live/model";

export interface Variable {
  name: string;
  value: string;
}

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
  keepBackground: boolean;
  user: string;
  stdin: boolean;
  isFlat: boolean;
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
    keepBackground: false,
    user: "",
    stdin: false,
    isFlat: false,
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
    keepBackground: execution.keep_background,
    user: execution.user ?? "",
    stdin: execution.stdin,
    isFlat: execution.nesting === "flat",
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

  const tags = draft.tags
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
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

  if (draft.tty) wanted.tty = true;
  if (draft.keepBackground) wanted.keep_background = true;
  if (draft.stdin) wanted.stdin = true;
  if (draft.isFlat) wanted.nesting = "flat";
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
  stdin: "stdin",
};

function argumentsOf(text: string): string[] {
  return text.replace(/\n+$/, "") === "" ? [] : text.replace(/\n+$/, "").split("\n");
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
