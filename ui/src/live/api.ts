/** The REST interface. A refusal is a `Problem`, a server that cannot be reached is `Unreachable`. */

import type { Filter } from "../pure/filter";
import { href } from "./base";
import type {
  AnnotationPage,
  Artifact,
  Backup,
  Backups,
  Comparison,
  Execution,
  ExecutionDetail,
  ExecutionPage,
  Finding,
  HealthMetrics,
  HealthSample,
  HealthStatus,
  LogLines,
  Matches,
  Metric,
  NewExecution,
  Output,
  Retention,
  RetentionPlan,
  Setting,
  Statistics,
  Summary,
  TestPage,
  UsageSample,
  Usual,
  TrendPoint,
} from "./model";

export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly field: string | null,
  ) {
    super(detail);
  }
}

export class Unreachable extends Error {}

let onUnauthorized = (): void => undefined;

export function whenUnauthorized(ask: () => void): void {
  onUnauthorized = ask;
}

interface Options {
  method?: string;
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  signal?: AbortSignal;
}

async function request(path: string, options: Options = {}): Promise<Response> {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== "") query.set(key, String(value));
  }
  const address = href(path) + (query.size > 0 ? `?${query}` : "");
  const init: RequestInit = { method: options.method ?? "GET", signal: options.signal ?? null };
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { "Content-Type": "application/json" };
  }
  const response = await fetch(address, init).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable("the server does not answer", { cause: error });
  });
  if (response.ok) return response;
  if (response.status === 401 && !path.startsWith("api/session")) onUnauthorized();
  throw await problemOf(response);
}

/** A file of the server by its address, as links have it. */
async function fetchOf(address: string, method: string): Promise<Response> {
  const response = await fetch(address, { method });
  if (response.ok) return response;
  throw await problemOf(response);
}

async function problemOf(response: Response): Promise<Error> {
  if ([502, 503, 504].includes(response.status)) return new Unreachable(response.statusText);
  const type = response.headers.get("content-type") ?? "";
  if (!type.includes("json")) return new Problem(response.status, response.statusText, null);
  const body = (await response.json()) as Record<string, unknown>;
  const text = [body["detail"], body["error"], body["title"]].find(
    (part) => typeof part === "string",
  );
  const field = typeof body["field"] === "string" ? body["field"] : null;
  return new Problem(response.status, String(text ?? response.statusText), field);
}

async function json<T>(path: string, options: Options = {}): Promise<T> {
  return (await (await request(path, options)).json()) as T;
}

function of(id: string, rest = ""): string {
  return `api/executions/${encodeURIComponent(id)}${rest}`;
}

export interface ExecutionQuery extends Filter {
  cursor?: string;
  limit?: number;
}

export const api = {
  executions: (query: ExecutionQuery, signal?: AbortSignal) =>
    json<ExecutionPage>("api/executions", { query: { ...query }, ...(signal && { signal }) }),
  statistics: () => json<Statistics>("api/executions/statistics"),
  trend: async (name: string, limit: number, steps = false) =>
    (
      await json<{ executions: TrendPoint[] }>("api/executions/trend", {
        query: { name, limit, ...(steps && { steps: "true" }) },
      })
    ).executions,
  compare: (a: string, b: string) => json<Comparison>(of(a, `/compare/${encodeURIComponent(b)}`)),
  doctor: () => json<Finding[]>("api/doctor"),
  healthStatus: () => json<HealthStatus>("api/health/status"),
  healthMetrics: () => json<HealthMetrics>("api/health/metrics"),
  healthHistory: async (since?: string) =>
    (
      await json<{ samples: HealthSample[] }>("api/health/history", {
        query: { since },
      })
    ).samples,
  optimize: () =>
    json<{ message: string; freed_bytes: number }>("api/health/optimize", { method: "POST" }),
  config: async () => (await json<{ settings: Setting[] }>("api/config")).settings,
  backups: () => json<Backups>("api/backups"),
  makeBackup: () => request("api/backups", { method: "POST" }),
  verifyBackup: (id: string) =>
    json<Backup>(`api/backups/${encodeURIComponent(id)}/verify`, { method: "POST" }),
  removeBackup: (id: string) =>
    request(`api/backups/${encodeURIComponent(id)}`, { method: "DELETE" }),
  retention: () => json<Retention>("api/retention"),
  prune: () => json<RetentionPlan>("api/retention/prune", { method: "POST" }),
  execution: (id: string) => json<ExecutionDetail>(of(id)),
  artifacts: async (id: string) =>
    (await json<{ artifacts: Artifact[] }>(of(id, "/artifacts"))).artifacts,
  annotations: (id: string, level: string, cursor: string | null) =>
    json<AnnotationPage>(of(id, "/annotations"), {
      query: { level, cursor: cursor ?? undefined, limit: 100 },
    }),
  tests: (id: string, status: string, cursor: string | null) =>
    json<TestPage>(of(id, "/tests"), {
      query: { status, cursor: cursor ?? undefined, limit: 100 },
    }),
  metrics: async (id: string) => (await json<{ metrics: Metric[] }>(of(id, "/metrics"))).metrics,
  outputs: async (id: string) => (await json<{ outputs: Output[] }>(of(id, "/outputs"))).outputs,
  summaries: async (id: string) =>
    (await json<{ summaries: Summary[] }>(of(id, "/summary"))).summaries,
  memoryTotal: async () =>
    (await json<{ system: { memory_total_bytes: number } }>("api/health/metrics")).system
      .memory_total_bytes,
  input: (id: string, data: string) =>
    request(of(id, "/input"), { method: "POST", body: { data } }),
  window: (id: string, rows: number, cols: number) =>
    request(of(id, "/window"), { method: "POST", body: { rows, cols } }),
  /** The beginning of an artifact's file as text. */
  artifactText: async (id: string, mostBytes: number) => {
    const answer = await fetch(href(`api/artifacts/${encodeURIComponent(id)}/download`), {
      headers: { Range: `bytes=0-${mostBytes - 1}` },
    });
    // An empty file has no first byte to ask for.
    if (answer.status === 416) return "";
    if (!answer.ok) throw await problemOf(answer);
    return await answer.text();
  },
  usual: (id: string) => json<Usual>(of(id, "/usual")),
  usage: async (id: string) => (await json<{ samples: UsageSample[] }>(of(id, "/usage"))).samples,
  start: (wanted: NewExecution) =>
    json<{ id: string }>("api/executions", { method: "POST", body: wanted }),
  cancel: (id: string, kill: boolean) =>
    json<{ execution: Execution }>(of(id, "/cancel"), { method: "POST", body: { kill } }),
  rerun: (id: string) => json<{ id: string }>(of(id, "/rerun"), { method: "POST", body: {} }),
  remove: (id: string) => request(of(id), { method: "DELETE" }),
  lines: (id: string, cursor: string, limit: number, maxLineBytes: number, signal?: AbortSignal) =>
    json<LogLines>(of(id, "/logs"), {
      query: { cursor, limit, max_line_bytes: maxLineBytes },
      ...(signal && { signal }),
    }),
  lastLines: (id: string, tail: number, maxLineBytes: number) =>
    json<LogLines>(of(id, "/logs"), { query: { tail, max_line_bytes: maxLineBytes } }),
  /** The first line that arrived at `at` (Unix milliseconds) or later. */
  linesSince: (id: string, at: number) =>
    json<LogLines>(of(id, "/logs"), {
      query: { since: new Date(at).toISOString(), limit: 1, max_line_bytes: 1 },
    }),
  search: (id: string, query: Record<string, string | number | undefined>, signal?: AbortSignal) =>
    json<Matches>(of(id, "/search"), { query, ...(signal && { signal }) }),
  rawLogHref: (id: string) => href(of(id, "/log?download=1")),
  plainLogHref: (id: string) => href(of(id, "/log")),
  rangeHref: (id: string, first: number, last: number) =>
    href(of(id, `/log?from=${first}&to=${last}`)),
  head: async (address: string) => (await fetchOf(address, "HEAD")).headers,
  text: async (address: string) => await (await fetchOf(address, "GET")).text(),
  artifactInlineHref: (id: string) =>
    href(`api/artifacts/${encodeURIComponent(id)}/download?inline=1`),
  allArtifactsHref: (id: string) => href(of(id, "/artifacts.zip")),
  artifactHref: (id: string) => href(`api/artifacts/${encodeURIComponent(id)}/download`),
  session: () => json<{ auth_enabled: boolean; authenticated: boolean }>("api/session"),
  unlock: (key: string) => request("api/session", { method: "POST", body: { key } }),
};
