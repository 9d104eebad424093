CREATE TABLE adopted (
    execution_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    counted TEXT NOT NULL,
    PRIMARY KEY (execution_id)
)
 WITHOUT ROWID;

CREATE TABLE annotations (
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
);

CREATE INDEX idx_annotations_execution ON annotations (execution_id, id, level);

CREATE TABLE api_keys (
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
);

CREATE TABLE audit_log (
    id INTEGER NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT,
    address TEXT,
    details TEXT,
    PRIMARY KEY (id)
);

CREATE INDEX idx_audit_log_target ON audit_log (target, id);

CREATE TABLE counters (
    facet TEXT NOT NULL,
    "key" TEXT NOT NULL,
    status TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (facet, "key", status)
)
 WITHOUT ROWID;

CREATE TABLE execution_tags (
    tag TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tag, status, created_at, seq)
)
 WITHOUT ROWID;

CREATE INDEX idx_execution_tags_seq ON execution_tags (seq);

CREATE TABLE executions (
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
    PRIMARY KEY (id)
);

CREATE INDEX idx_executions_completed_at ON executions (completed_at);

CREATE INDEX idx_executions_created_seq ON executions (created_at, seq);

CREATE INDEX idx_executions_name_seq ON executions (name, status, created_at, seq);

CREATE UNIQUE INDEX idx_executions_seq ON executions (seq);

CREATE INDEX idx_executions_status_seq ON executions (status, created_at, seq);

CREATE INDEX idx_executions_user_seq ON executions (user_name, status, created_at, seq);

CREATE TABLE follow_state (
    execution_id TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    state BLOB NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (execution_id)
)
 WITHOUT ROWID;

CREATE TABLE metrics (
    id INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value REAL NOT NULL,
    at TEXT NOT NULL,
    unit TEXT,
    step INTEGER,
    step_index INTEGER,
    PRIMARY KEY (id)
);

CREATE INDEX idx_metrics_series ON metrics (execution_id, name, id);

CREATE TABLE outputs (
    execution_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    is_secret BOOLEAN NOT NULL,
    PRIMARY KEY (execution_id, name)
)
 WITHOUT ROWID;

CREATE TABLE steps (
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
    PRIMARY KEY (id),
    FOREIGN KEY(execution_id) REFERENCES executions (id)
);

CREATE INDEX idx_steps_execution_id ON steps (execution_id);

CREATE INDEX idx_steps_foreign ON steps (id) WHERE seq IS NULL;

CREATE TABLE artifacts (
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
);

CREATE INDEX idx_artifacts_execution_id ON artifacts (execution_id);

CREATE UNIQUE INDEX idx_artifacts_seq ON artifacts (seq);

CREATE INDEX idx_artifacts_step_id ON artifacts (step_id);

CREATE VIRTUAL TABLE execution_search USING fts5(
    name, command, tags, error_message, user_name,
    tokenize = "unicode61 remove_diacritics 2", prefix = '1 2 3 4 5 6 7 8'
);
