"""The tables, defined once.

`executions`, `steps` and `artifacts` begin with every column of the original in its order; ours are
appended and nullable, so that the original program can still open the database. `seq` is NULL
exactly on rows that the original wrote last.
"""

from sqlalchemy import (
    BLOB,
    REAL,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()

executions = Table(
    "executions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("working_directory", Text),
    Column("status", Text, nullable=False),
    Column("exit_code", Integer),
    Column("error_message", Text),
    Column("created_at", Text, nullable=False),
    Column("started_at", Text),
    Column("completed_at", Text),
    Column("environment", Text),
    Column("user_name", Text),
    Column("tags", Text),
    Column("total_steps", Integer, server_default=text("0")),
    Column("completed_steps", Integer, server_default=text("0")),
    Column("current_step_index", Integer, server_default=text("-1")),
    Column("metadata", Text),
    Column("seq", Integer),
    Column("argv", Text),
    Column("failed_steps", Integer),
    Column("outcome", Text),
    Column("cancellation", Text),
    Column("timeout", REAL),
    Column("deadline", Text),
    Column("grace", REAL),
    Column("tty", Boolean),
    Column("stdin", Boolean),
    Column("keep_background", Boolean),
    Column("secret_names", Text),
    Column("max_log_bytes", Integer),
    Column("nesting", Text),
    Column("rerun_of", Text),
    Column("log_bytes", Integer),
    Column("log_lines", Integer),
    Column("annotation_counts", Text),
    Column("diagnostics", Text),
    Column("step_strip", Text),
    Column("survivors", Text),
    Column("tail_may_be_missing", Boolean),
    Column("cpu_seconds", REAL),
    Column("memory_peak_bytes", Integer),
    Column("dialects", Text),
    Column("emulate", Text),
    Column("sections", Text),
    Column("trace", Text),
    Column("progress", Text),
    Column("result", Text),
    Column("result_message", Text),
    Column("test_counts", Text),
    Column("usual_seconds", REAL),
    Column("pinned", Boolean),
    Index("idx_executions_seq", "seq", unique=True),
    # Each ends in the order of pages; see pages.py.
    Index("idx_executions_created_seq", "created_at", "seq"),
    Index("idx_executions_status_seq", "status", "created_at", "seq"),
    Index("idx_executions_user_seq", "user_name", "status", "created_at", "seq"),
    Index("idx_executions_name_seq", "name", "status", "created_at", "seq"),
    Index("idx_executions_completed_at", "completed_at"),
)

steps = Table(
    "steps",
    metadata,
    Column("id", Text, primary_key=True),
    Column("execution_id", Text, ForeignKey("executions.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("step_index", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("exit_code", Integer),
    Column("error_message", Text),
    Column("created_at", Text, nullable=False),
    Column("started_at", Text),
    Column("completed_at", Text),
    Column("estimated_duration", REAL),
    Column("stop_on_error", Boolean, server_default=text("0")),
    Column("metadata", Text),
    Column("seq", Integer),
    Column("kind", Text),
    Column("parent_index", Integer),
    Column("marker_id", Text),
    Column("reason", Text),
    Column("first_line", Integer),
    Column("last_line", Integer),
    Column("progress", Text),
    Column("message", Text),
    Column("collapsed", Boolean),
    Column("muted", Boolean),
    Column("flow", Text),
    Column("duration", REAL),
    Index("idx_steps_execution_id", "execution_id"),
)
Index("idx_steps_foreign", steps.c.id, sqlite_where=steps.c.seq.is_(None))

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("execution_id", Text, ForeignKey("executions.id"), nullable=False),
    Column("step_id", Text, ForeignKey("steps.id")),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("file_path", Text, nullable=False),
    Column("file_name", Text),
    Column("file_size", Integer, server_default=text("0")),
    Column("mime_type", Text),
    Column("artifact_type", Text),
    Column("created_at", Text, nullable=False),
    Column("tags", Text),
    Column("is_public", Boolean, server_default=text("1")),
    Column("retention_days", Integer),
    Column("metadata", Text),
    Column("seq", Integer),
    Column("state", Text),
    Column("source_path", Text),
    Column("problem", Text),
    Column("sha256", Text),
    Column("line", Integer),
    Index("idx_artifacts_execution_id", "execution_id"),
    Index("idx_artifacts_step_id", "step_id"),
    Index("idx_artifacts_seq", "seq", unique=True),
)

execution_tags = Table(
    "execution_tags",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    Column("created_at", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Index("idx_execution_tags_seq", "seq"),
    sqlite_with_rowid=False,
)

annotations = Table(
    "annotations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("step_index", Integer),
    Column("level", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("file", Text),
    Column("line", Integer),
    Column("end_line", Integer),
    Column("col", Integer),
    Column("end_col", Integer),
    Column("title", Text),
    Column("code", Text),
    Column("details", Text),
    Column("log_line", Integer),
    Column("at", Text),
    Index("idx_annotations_execution", "execution_id", "id", "level"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", REAL, nullable=False),
    Column("at", Text, nullable=False),
    Column("unit", Text),
    Column("step", Integer),
    Column("step_index", Integer),
    Index("idx_metrics_series", "execution_id", "name", "id"),
)

outputs = Table(
    "outputs",
    metadata,
    Column("execution_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("is_secret", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# What a script wanted to set for the steps after it: recorded, and never applied.
variables = Table(
    "variables",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("is_prepended", Boolean, nullable=False),
    Index("idx_variables_execution", "execution_id", "id"),
)

tests = Table(
    "tests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("number", Integer),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("duration", REAL),
    Column("message", Text),
    Column("details", Text),
    Column("expected", Text),
    Column("actual", Text),
    Column("step_index", Integer),
    Column("log_line", Integer),
    Column("at", Text),
    Index("idx_tests_execution", "execution_id", "id", "status"),
)

summaries = Table(
    "summaries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("step_index", Integer),
    Column("markdown", Text),
    Column("path", Text),
    Column("problem", Text),
    Column("truncated", Boolean),
    Column("log_line", Integer),
    Column("at", Text),
    Index("idx_summaries_execution", "execution_id", "id"),
)

diagnostics = Table(
    "diagnostics",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("dialect", Text),
    Column("command", Text),
    Column("message", Text),
    Column("log_line", Integer),
    Index("idx_diagnostics_execution", "execution_id", "id"),
)

follow_state = Table(
    "follow_state",
    metadata,
    Column("execution_id", Text, primary_key=True),
    Column("offset", Integer, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("state", BLOB, nullable=False),
    Column("recorded_at", Text, nullable=False),
    sqlite_with_rowid=False,
)

# What was counted of an execution that the original wrote: it may rewrite the row, which then is
# adopted again, under the same `seq` and without being counted twice.
adopted = Table(
    "adopted",
    metadata,
    Column("execution_id", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("counted", Text, nullable=False),
    sqlite_with_rowid=False,
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text),
    Column("last_used_at", Text),
    Column("revoked_at", Text),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text),
    Column("address", Text),
    Column("details", Text),
    Index("idx_audit_log_target", "target", "id"),
)

counters = Table(
    "counters",
    metadata,
    Column("facet", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    Column("value", Integer, nullable=False),
    sqlite_with_rowid=False,
)
