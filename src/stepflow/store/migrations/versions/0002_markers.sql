ALTER TABLE executions ADD COLUMN dialects TEXT;

ALTER TABLE executions ADD COLUMN emulate TEXT;

ALTER TABLE executions ADD COLUMN sections TEXT;

ALTER TABLE executions ADD COLUMN trace TEXT;

ALTER TABLE executions ADD COLUMN progress TEXT;

ALTER TABLE executions ADD COLUMN result TEXT;

ALTER TABLE executions ADD COLUMN result_message TEXT;

ALTER TABLE executions ADD COLUMN test_counts TEXT;

ALTER TABLE executions ADD COLUMN usual_seconds REAL;

ALTER TABLE steps ADD COLUMN progress TEXT;

ALTER TABLE steps ADD COLUMN message TEXT;

ALTER TABLE steps ADD COLUMN collapsed BOOLEAN;

ALTER TABLE steps ADD COLUMN muted BOOLEAN;

ALTER TABLE steps ADD COLUMN flow TEXT;

ALTER TABLE steps ADD COLUMN duration REAL;

CREATE TABLE diagnostics (
    id INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    code TEXT NOT NULL,
    dialect TEXT,
    command TEXT,
    message TEXT,
    log_line INTEGER,
    PRIMARY KEY (id)
);

CREATE INDEX idx_diagnostics_execution ON diagnostics (execution_id, id);

CREATE TABLE summaries (
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
);

CREATE INDEX idx_summaries_execution ON summaries (execution_id, id);

CREATE TABLE tests (
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
);

CREATE INDEX idx_tests_execution ON tests (execution_id, id, status);

CREATE TABLE variables (
    id INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    is_prepended BOOLEAN NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX idx_variables_execution ON variables (execution_id, id);
