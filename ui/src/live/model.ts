/** The server's JSON, as far as the UI reads it. Times are ISO text in UTC, sizes bytes, durations seconds. */

export type Status = "pending" | "running" | "completed" | "failed" | "cancelled";
export type StepStatus = Status | "skipped" | "unknown";

export interface Outcome {
  kind:
    | "succeeded"
    | "failed"
    | "killed"
    | "timed_out"
    | "cancelled"
    | "said_failed"
    | "stopped_on_error"
    | "log_limit"
    | "could_not_start"
    | "lost";
  exit_code?: number;
  signal?: number;
  after_seconds?: number;
  by?: string;
  message?: string | null;
  step?: string;
  limit_bytes?: number;
  reason?: string;
}

/** What a script says of how far it is; `value` is 0 to 1. */
export interface Progress {
  value: number | null;
  message: string | null;
}

export interface TestCounts {
  total: number;
  passed: number;
  failed: number;
  skipped: number;
  todo: number;
  expected: number | null;
}

export interface Execution {
  id: string;
  name: string;
  command: string;
  argv: string[] | null;
  working_directory: string | null;
  status: Status;
  exit_code: number | null;
  error_message: string | null;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  environment: Record<string, string>;
  user: string | null;
  tags: string[];
  total_steps: number;
  completed_steps: number;
  failed_steps: number;
  current_step_index: number;
  duration_seconds: number | null;
  progress_percentage: number | null;
  progress: Progress | null;
  /** How long it will still take, as far as anybody can tell. */
  eta_seconds: number | null;
  test_counts: TestCounts | null;
  dialects: string | string[];
  emulate: string[];
  sections: Section[];
  trace: "bash" | null;
  metadata: Record<string, unknown>;
  outcome: Outcome | null;
  /** What the script said of its end itself. */
  result: string | null;
  result_message: string | null;
  timeout: number | null;
  deadline: string | null;
  grace: number;
  tty: boolean;
  stdin: boolean;
  keep_background: boolean;
  nesting: "auto" | "flat";
  secret_names: string[];
  max_log_bytes: number | null;
  rerun_of: string | null;
  log_bytes: number;
  log_lines: number;
  annotation_counts: Record<string, number>;
  diagnostics: string[];
  survivors: string | null;
  tail_may_be_missing: boolean;
  cpu_seconds: number | null;
  memory_peak_bytes: number | null;
  queue_place: number | null;
  starts_in_seconds: number | null;
  cancellation: { outcome: Outcome; requested_at: string } | null;
  step_strip: string[];
}

export interface Step {
  id: string;
  execution_id: string;
  index: number;
  name: string;
  description: string | null;
  status: StepStatus;
  exit_code: number | null;
  error_message: string | null;
  started_at: string | null;
  completed_at: string | null;
  estimated_duration: number | null;
  stop_on_error: boolean;
  duration_seconds: number | null;
  kind: string;
  parent_index: number | null;
  reason: string | null;
  message: string | null;
  progress: Progress | null;
  first_line: number;
  last_line: number | null;
  metadata: Record<string, unknown>;
}

export type ArtifactState = "stored" | "waiting" | "missing" | "refused" | "link";

export interface Artifact {
  id: string;
  execution_id: string;
  step_id: string | null;
  name: string;
  description: string | null;
  file_name: string;
  file_size: number;
  mime_type: string;
  created_at: string;
  state: ArtifactState;
  source_path: string;
  problem: string | null;
  line: number | null;
  download_url: string | null;
}

export interface Annotation {
  level: string;
  message: string;
  step_index: number | null;
  file: string | null;
  line: number | null;
  title: string | null;
  log_line: number | null;
}

export interface AnnotationPage {
  annotations: Annotation[];
  next: string | null;
  total_count: number | null;
}

export type TestStatus = "failed" | "passed" | "skipped" | "todo";

export interface TestResult {
  number: number | null;
  name: string;
  status: TestStatus;
  duration_seconds: number | null;
  message: string | null;
  details: string | null;
  expected: string | null;
  actual: string | null;
  log_line: number | null;
}

export interface TestPage {
  tests: TestResult[];
  counts: TestCounts;
  next: string | null;
}

export interface Metric {
  name: string;
  unit: string | null;
  step_index: number | null;
  count: number;
  points: { at: string; value: number; step: number | null }[];
}

export interface Output {
  name: string;
  value: string;
  is_secret: boolean;
}

export interface Summary {
  step_index: number | null;
  markdown: string | null;
  path: string | null;
  problem: string | null;
  truncated: boolean;
}

export interface Diagnostic {
  code: string;
  dialect: string | null;
  command: string | null;
  message: string | null;
  log_line: number | null;
}

export interface ExecutionDetail {
  execution: Execution;
  steps: Step[];
  artifacts: Artifact[];
  annotations: Annotation[];
  diagnostics: Diagnostic[];
}

/** Seconds: half took at most `p50`, nineteen of twenty at most `p95`. */
export interface UsualDuration {
  p50: number;
  p95: number;
  count: number;
}

export interface Usual {
  executions: number;
  duration: UsualDuration | null;
  step_count: number | null;
  steps: { path: string[]; duration: UsualDuration }[];
}

export interface UsageSample {
  at: string;
  cpu_percent: number | null;
  memory_bytes: number | null;
  processes: number | null;
}

export interface ExecutionPage {
  executions: Execution[];
  total_count: number | null;
  has_more: boolean;
  next: string | null;
  looked: Looked | null;
}

export interface Looked {
  executions: number;
  back_to: string | null;
  half_read: number;
}

export interface DayCount {
  day: string;
  completed: number;
  failed: number;
  cancelled: number;
}

export interface TrendStep {
  path: string[];
  status: StepStatus;
  duration_seconds: number | null;
}

export interface TrendPoint {
  id: string;
  created_at: string;
  status: Status;
  outcome: Outcome | null;
  duration_seconds: number | null;
  steps: TrendStep[] | null;
}

export interface ComparedStep {
  status: StepStatus;
  duration_seconds: number | null;
  first_line: number;
}

export interface StepPair {
  path: string[];
  a: ComparedStep | null;
  b: ComparedStep | null;
}

export interface Comparison {
  a: Execution;
  b: Execution;
  fields: { field: string; a: unknown; b: unknown }[];
  steps: StepPair[];
  log: {
    line: number | null;
    a: string | null;
    b: string | null;
    before: string[];
    compared_lines: number;
    is_complete: boolean;
  };
}

export interface Check {
  status: string;
  problem: string | null;
  took_ms: number | null;
}

export interface HealthStatus {
  status: string;
  version: string;
  uptime_seconds: number;
  checks: Record<string, Check>;
  running_executions: number;
  pending_executions: number;
  max_running: number;
  connected_clients: number;
  process_id: number;
}

/** One thing that the doctor looked at. */
export interface Finding {
  name: string;
  state: "ok" | "warning" | "problem";
  text: string;
  fix: string | null;
}

export interface HealthMetrics {
  database: {
    engine: string;
    version: string;
    path: string;
    storage_path: string;
    database_size_bytes: number;
    wal_size_bytes: number;
    journal_mode: string;
    page_count: number;
    free_pages: number;
    table_counts: Record<string, number>;
  };
  system: {
    cpu_count: number;
    load_average: [number, number, number];
    memory_total_bytes: number;
    memory_available_bytes: number;
    disk_total_bytes: number;
    disk_free_bytes: number;
    process_memory_bytes: number;
  };
}

export interface HealthSample {
  at: string;
  database_bytes: number;
  wal_bytes: number;
  disk_free_bytes: number;
  memory_bytes: number;
  cpu_percent: number;
  commits: number;
  running: number;
  pending: number;
  clients: number;
}

export interface Backup {
  id: string;
  created_at: string;
  path: string;
  size_bytes: number;
  executions: number | null;
  is_verified: boolean;
  problem: string | null;
  origin: "asked" | "schedule" | "migration" | null;
}

export interface Backups {
  backups: Backup[];
  running: { doing: string; id: string } | null;
  folder: string;
  schedule: string | null;
  keep: number;
  next_at: string | null;
}

export interface RetentionPlan {
  execution_count: number;
  artifact_count: number;
  freed_bytes: number;
  pinned_count: number;
  executions: { id: string; name: string; reason: string }[];
}

export interface Retention {
  rules: {
    days: number | null;
    count: number | null;
    size_bytes: number | null;
    tags: Record<string, unknown>;
  };
  next_at: string | null;
  next: RetentionPlan;
}

export interface Setting {
  name: string;
  value: unknown;
  source: string;
}

export interface Statistics {
  total_executions: number;
  running: number;
  pending: number;
  success_rate: number | null;
  by_status: Partial<Record<Status, number>>;
  last_24h: Partial<Record<Status, number>>;
  per_day: DayCount[];
}

export interface WireLine {
  line: number;
  byte: number;
  at: string | null;
  text: string;
  length: number;
  clipped: boolean;
}

export interface LogLines {
  lines: WireLine[];
  next: string;
  line_count: number;
  size_bytes: number;
  is_complete: boolean;
}

export interface Match {
  line: number;
  /** Where `text` begins within a very long line. */
  byte: number;
  at: string | null;
  text: string;
  ranges: [number, number][];
  before: string[];
  after: string[];
}

export interface Matches {
  total: number;
  total_is_exact: boolean;
  matches: Match[];
  next: string | null;
  took_ms: number;
}

/** Regular expressions; `title` is a group of `start`. */
export interface Section {
  start: string;
  end: string;
  title?: string | number | null;
}

export interface NewExecution {
  command: string | string[];
  name?: string;
  working_directory?: string;
  environment?: Record<string, string>;
  secret_environment?: Record<string, string>;
  tags?: string[];
  metadata?: Record<string, unknown>;
  timeout?: number;
  grace?: number;
  user?: string;
  tty?: boolean;
  window?: [rows: number, columns: number];
  stdin?: boolean;
  keep_background?: boolean;
  max_log_bytes?: number;
  nesting?: "auto" | "flat";
  dialects?: string | string[];
  emulate?: string[];
  sections?: Section[];
  trace?: "bash";
  rerun_of?: string;
}

export interface LogMessage {
  execution_id: string;
  first_line: number;
  first_byte: number;
  lines: [string, number | null][];
  partial: boolean;
  line_count: number;
  size_bytes: number;
  cursor: string;
  lagged: boolean;
}

export type ServerMessage =
  | { type: "connection_established"; data: { server_time: string; version: string } }
  | { type: "execution_update"; data: Execution }
  | { type: "step_update"; data: { execution_id: string; step: Step } }
  | { type: "artifact_update"; data: { execution_id: string; artifact: Artifact } }
  | { type: "execution_deleted"; data: { execution_id: string } }
  | { type: "annotation"; data: { execution_id: string; annotation: Annotation } }
  | { type: "log"; data: LogMessage }
  | {
      type: "log_complete";
      data: { execution_id: string; line_count: number; size_bytes: number };
    }
  | { type: "lagged" | "pong" | "server_status" | "error"; data: unknown };
