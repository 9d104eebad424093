"""Made by `python -m stepflow.store.statements`, which says why. Not to be edited."""

INSERT_EXECUTION = """
INSERT INTO executions (id, name, command, working_directory, status, exit_code, error_message,
created_at, started_at, completed_at, environment, user_name, tags, total_steps, completed_steps,
current_step_index, metadata, seq, argv, failed_steps, outcome, cancellation, timeout, deadline,
grace, tty, stdin, keep_background, secret_names, max_log_bytes, nesting, rerun_of, log_bytes,
log_lines, annotation_counts, diagnostics, survivors, tail_may_be_missing, cpu_seconds,
memory_peak_bytes, dialects, emulate, sections, trace, progress, result, result_message,
test_counts, usual_seconds, pinned) VALUES (:id, :name, :command, :working_directory, :status,
:exit_code, :error_message, :created_at, :started_at, :completed_at, :environment, :user_name,
:tags, :total_steps, :completed_steps, :current_step_index, :metadata, :seq, :argv, :failed_steps,
:outcome, :cancellation, :timeout, :deadline, :grace, :tty, :stdin, :keep_background, :secret_names,
:max_log_bytes, :nesting, :rerun_of, :log_bytes, :log_lines, :annotation_counts, :diagnostics,
:survivors, :tail_may_be_missing, :cpu_seconds, :memory_peak_bytes, :dialects, :emulate, :sections,
:trace, :progress, :result, :result_message, :test_counts, :usual_seconds, :pinned)
"""

KEEP_STEP = """
INSERT INTO steps (id, execution_id, name, description, step_index, status, exit_code,
error_message, created_at, started_at, completed_at, estimated_duration, stop_on_error, metadata,
seq, kind, parent_index, marker_id, reason, first_line, last_line, progress, message, collapsed,
muted, flow, duration) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET execution_id = excluded.execution_id, name =
excluded.name, description = excluded.description, step_index = excluded.step_index, status =
excluded.status, exit_code = excluded.exit_code, error_message = excluded.error_message, created_at
= excluded.created_at, started_at = excluded.started_at, completed_at = excluded.completed_at,
estimated_duration = excluded.estimated_duration, stop_on_error = excluded.stop_on_error, metadata =
excluded.metadata, kind = excluded.kind, parent_index = excluded.parent_index, marker_id =
excluded.marker_id, reason = excluded.reason, first_line = excluded.first_line, last_line =
excluded.last_line, progress = excluded.progress, message = excluded.message, collapsed =
excluded.collapsed, muted = excluded.muted, flow = excluded.flow, duration = excluded.duration
"""

CHANGE_STEP = """
UPDATE steps SET name=?, status=?, exit_code=?, error_message=?, completed_at=?,
estimated_duration=?, metadata=?, parent_index=?, reason=?, last_line=?, progress=?, message=?,
collapsed=?, duration=? WHERE steps.id = ?
"""

CHANGE_FIGURES = """
UPDATE executions SET total_steps=?, completed_steps=?, failed_steps=?, current_step_index=?,
step_strip=?, metadata=?, annotation_counts=?, diagnostics=?, progress=?, result=?,
result_message=?, test_counts=?, log_bytes=?, log_lines=? WHERE executions.id = ?
"""

KEEP_ARTIFACT = """
INSERT INTO artifacts (id, execution_id, step_id, name, description, file_path, file_name,
file_size, mime_type, artifact_type, created_at, tags, is_public, retention_days, metadata, seq,
state, source_path, problem, sha256, line) VALUES (:id, :execution_id, :step_id, :name,
:description, :file_path, :file_name, :file_size, :mime_type, :artifact_type, :created_at, :tags,
:is_public, :retention_days, :metadata, :seq, :state, :source_path, :problem, :sha256, :line) ON
CONFLICT (id) DO UPDATE SET execution_id = excluded.execution_id, step_id = excluded.step_id, name =
excluded.name, description = excluded.description, file_path = excluded.file_path, file_name =
excluded.file_name, file_size = excluded.file_size, mime_type = excluded.mime_type, artifact_type =
excluded.artifact_type, created_at = excluded.created_at, tags = excluded.tags, is_public =
excluded.is_public, retention_days = excluded.retention_days, metadata = excluded.metadata, state =
excluded.state, source_path = excluded.source_path, problem = excluded.problem, sha256 =
excluded.sha256, line = excluded.line
"""

INSERT_ANNOTATION = """
INSERT INTO annotations (execution_id, step_index, level, message, file, line, end_line, col,
end_col, title, code, details, log_line, at) VALUES (:execution_id, :step_index, :level, :message,
:file, :line, :end_line, :col, :end_col, :title, :code, :details, :log_line, :at)
"""

INSERT_METRIC = """
INSERT INTO metrics (execution_id, name, value, at, unit, step, step_index) VALUES (:execution_id,
:name, :value, :at, :unit, :step, :step_index)
"""

KEEP_OUTPUT = """
INSERT INTO outputs (execution_id, name, value, is_secret) VALUES (:execution_id, :name, :value,
:is_secret) ON CONFLICT (execution_id, name) DO UPDATE SET value = excluded.value, is_secret =
excluded.is_secret
"""

INSERT_VARIABLE = """
INSERT INTO variables (execution_id, name, value, is_prepended) VALUES (:execution_id, :name,
:value, :is_prepended)
"""

INSERT_TEST = """
INSERT INTO tests (execution_id, number, name, status, duration, message, details, expected, actual,
step_index, log_line, at) VALUES (:execution_id, :number, :name, :status, :duration, :message,
:details, :expected, :actual, :step_index, :log_line, :at)
"""

INSERT_SUMMARY = """
INSERT INTO summaries (execution_id, step_index, markdown, path, problem, truncated, log_line, at)
VALUES (:execution_id, :step_index, :markdown, :path, :problem, :truncated, :log_line, :at)
"""

INSERT_DIAGNOSTIC = """
INSERT INTO diagnostics (execution_id, code, dialect, command, message, log_line) VALUES
(:execution_id, :code, :dialect, :command, :message, :log_line)
"""

KEEP_FOLLOW_STATE = """
INSERT INTO follow_state (execution_id, "offset", lines, state, recorded_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (execution_id) DO UPDATE SET "offset" = excluded."offset", lines = excluded.lines, state
= excluded.state, recorded_at = excluded.recorded_at
"""

SCHEMA = (
    """CREATE TABLE adopted (
    execution_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    counted TEXT NOT NULL,
    PRIMARY KEY (execution_id)
)
 WITHOUT ROWID""",
    """CREATE TABLE annotations (
    id INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    step_index INTEGER,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    file TEXT,
    line INTEGER,
    end_line INTEGER,
    col INTEGER,
    end_col INTEGER,
    title TEXT,
    code TEXT,
    details TEXT,
    log_line INTEGER,
    at TEXT,
    PRIMARY KEY (id)
)""",
    """CREATE INDEX idx_annotations_execution ON annotations (execution_id, id, level)""",
    """CREATE TABLE api_keys (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT,
    revoked_at TEXT,
    PRIMARY KEY (id),
    UNIQUE (hash)
)""",
    """CREATE TABLE audit_log (
    id INTEGER NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT,
    address TEXT,
    details TEXT,
    PRIMARY KEY (id)
)""",
    """CREATE INDEX idx_audit_log_target ON audit_log (target, id)""",
    """CREATE TABLE counters (
    facet TEXT NOT NULL,
    "key" TEXT NOT NULL,
    status TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (facet, "key", status)
)
 WITHOUT ROWID""",
    """CREATE TABLE diagnostics (
    id INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    code TEXT NOT NULL,
    dialect TEXT,
    command TEXT,
    message TEXT,
    log_line INTEGER,
    PRIMARY KEY (id)
)""",
    """CREATE INDEX idx_diagnostics_execution ON diagnostics (execution_id, id)""",
    """CREATE TABLE execution_tags (
    tag TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tag, status, created_at, seq)
)
 WITHOUT ROWID""",
    """CREATE INDEX idx_execution_tags_seq ON execution_tags (seq)""",
    """CREATE TABLE executions (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    command TEXT NOT NULL,
    working_directory TEXT,
    status TEXT NOT NULL,
    exit_code INTEGER,
    error_message TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    completed_at TEXT,
    environment TEXT,
    user_name TEXT,
    tags TEXT,
    total_steps INTEGER DEFAULT 0,
    completed_steps INTEGER DEFAULT 0,
    current_step_index INTEGER DEFAULT (-1),
    metadata TEXT,
    seq INTEGER,
    argv TEXT,
    failed_steps INTEGER,
    outcome TEXT,
    cancellation TEXT,
    timeout REAL,
    deadline TEXT,
    grace REAL,
    tty BOOLEAN,
    stdin BOOLEAN,
    keep_background BOOLEAN,
    secret_names TEXT,
    max_log_bytes INTEGER,
    nesting TEXT,
    rerun_of TEXT,
    log_bytes INTEGER,
    log_lines INTEGER,
    annotation_counts TEXT,
    diagnostics TEXT,
    step_strip TEXT,
    survivors TEXT,
    tail_may_be_missing BOOLEAN,
    cpu_seconds REAL,
    memory_peak_bytes INTEGER,
    dialects TEXT,
    emulate TEXT,
    sections TEXT,
    trace TEXT,
    progress TEXT,
    result TEXT,
    result_message TEXT,
    test_counts TEXT,
    usual_seconds REAL,
    pinned BOOLEAN,
    PRIMARY KEY (id)
)""",
    """CREATE INDEX idx_executions_completed_at ON executions (completed_at)""",
    """CREATE INDEX idx_executions_created_seq ON executions (created_at, seq)""",
    """CREATE INDEX idx_executions_name_seq ON executions (name, status, created_at, seq)""",
    """CREATE UNIQUE INDEX idx_executions_seq ON executions (seq)""",
    """CREATE INDEX idx_executions_status_seq ON executions (status, created_at, seq)""",
    """CREATE INDEX idx_executions_user_seq ON executions (user_name, status, created_at, seq)""",
    """CREATE TABLE follow_state (
    execution_id TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    state BLOB NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (execution_id)
)
 WITHOUT ROWID""",
    """CREATE TABLE metrics (
    id INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value REAL NOT NULL,
    at TEXT NOT NULL,
    unit TEXT,
    step INTEGER,
    step_index INTEGER,
    PRIMARY KEY (id)
)""",
    """CREATE INDEX idx_metrics_series ON metrics (execution_id, name, id)""",
    """CREATE TABLE outputs (
    execution_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    is_secret BOOLEAN NOT NULL,
    PRIMARY KEY (execution_id, name)
)
 WITHOUT ROWID""",
    """CREATE TABLE summaries (
    id INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    step_index INTEGER,
    markdown TEXT,
    path TEXT,
    problem TEXT,
    truncated BOOLEAN,
    log_line INTEGER,
    at TEXT,
    PRIMARY KEY (id)
)""",
    """CREATE INDEX idx_summaries_execution ON summaries (execution_id, id)""",
    """CREATE TABLE tests (
    id INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    number INTEGER,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    duration REAL,
    message TEXT,
    details TEXT,
    expected TEXT,
    actual TEXT,
    step_index INTEGER,
    log_line INTEGER,
    at TEXT,
    PRIMARY KEY (id)
)""",
    """CREATE INDEX idx_tests_execution ON tests (execution_id, id, status)""",
    """CREATE TABLE variables (
    id INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    is_prepended BOOLEAN NOT NULL,
    PRIMARY KEY (id)
)""",
    """CREATE INDEX idx_variables_execution ON variables (execution_id, id)""",
    """CREATE TABLE steps (
    id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    step_index INTEGER NOT NULL,
    status TEXT NOT NULL,
    exit_code INTEGER,
    error_message TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    completed_at TEXT,
    estimated_duration REAL,
    stop_on_error BOOLEAN DEFAULT 0,
    metadata TEXT,
    seq INTEGER,
    kind TEXT,
    parent_index INTEGER,
    marker_id TEXT,
    reason TEXT,
    first_line INTEGER,
    last_line INTEGER,
    progress TEXT,
    message TEXT,
    collapsed BOOLEAN,
    muted BOOLEAN,
    flow TEXT,
    duration REAL,
    PRIMARY KEY (id),
    FOREIGN KEY(execution_id) REFERENCES executions (id)
)""",
    """CREATE INDEX idx_steps_execution_id ON steps (execution_id)""",
    """CREATE INDEX idx_steps_foreign ON steps (id) WHERE seq IS NULL""",
    """CREATE TABLE artifacts (
    id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    step_id TEXT,
    name TEXT NOT NULL,
    description TEXT,
    file_path TEXT NOT NULL,
    file_name TEXT,
    file_size INTEGER DEFAULT 0,
    mime_type TEXT,
    artifact_type TEXT,
    created_at TEXT NOT NULL,
    tags TEXT,
    is_public BOOLEAN DEFAULT 1,
    retention_days INTEGER,
    metadata TEXT,
    seq INTEGER,
    state TEXT,
    source_path TEXT,
    problem TEXT,
    sha256 TEXT,
    line INTEGER,
    PRIMARY KEY (id),
    FOREIGN KEY(execution_id) REFERENCES executions (id),
    FOREIGN KEY(step_id) REFERENCES steps (id)
)""",
    """CREATE INDEX idx_artifacts_execution_id ON artifacts (execution_id)""",
    """CREATE UNIQUE INDEX idx_artifacts_seq ON artifacts (seq)""",
    """CREATE INDEX idx_artifacts_step_id ON artifacts (step_id)""",
    """CREATE VIRTUAL TABLE execution_search USING fts5(
    name, command, tags, error_message, user_name,
    tokenize = "unicode61 remove_diacritics 2", prefix = '1 2 3 4 5 6 7 8'
)""",
)
