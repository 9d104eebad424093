"""Storage folders as the original program leaves them, made with its own statements."""

import json
import sqlite3
from pathlib import Path

E1 = "11111111-1111-4111-8111-111111111111"
E2 = "22222222-2222-4222-8222-222222222222"
STEP = "aaaaaaaa-aaaa-4aaa-8aaa-{:012d}"

EXECUTIONS = """CREATE TABLE IF NOT EXISTS executions (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, command TEXT NOT NULL, working_directory TEXT,
    status TEXT NOT NULL, exit_code INTEGER, error_message TEXT, created_at TEXT NOT NULL,
    started_at TEXT, completed_at TEXT, environment TEXT, user_name TEXT, tags TEXT,
    total_steps INTEGER DEFAULT 0, completed_steps INTEGER DEFAULT 0,
    current_step_index INTEGER DEFAULT -1, metadata TEXT)"""
STEPS = """CREATE TABLE IF NOT EXISTS steps (
    id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT,
    step_index INTEGER NOT NULL, status TEXT NOT NULL, exit_code INTEGER, error_message TEXT,
    created_at TEXT NOT NULL, started_at TEXT, completed_at TEXT, estimated_duration REAL,
    {} metadata TEXT, FOREIGN KEY (execution_id) REFERENCES executions (id))"""
ARTIFACTS = """CREATE TABLE IF NOT EXISTS artifacts (
    id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, step_id TEXT, name TEXT NOT NULL,
    description TEXT, file_path TEXT NOT NULL, file_name TEXT, file_size INTEGER DEFAULT 0,
    mime_type TEXT, artifact_type TEXT, created_at TEXT NOT NULL, tags TEXT,
    is_public BOOLEAN DEFAULT 1, retention_days INTEGER, metadata TEXT,
    FOREIGN KEY (execution_id) REFERENCES executions (id),
    FOREIGN KEY (step_id) REFERENCES steps (id))"""
INDEXES = """
CREATE INDEX IF NOT EXISTS idx_executions_status ON executions (status);
CREATE INDEX IF NOT EXISTS idx_executions_created_at ON executions (created_at);
CREATE INDEX IF NOT EXISTS idx_executions_user ON executions (user_name);
CREATE INDEX IF NOT EXISTS idx_steps_execution_id ON steps (execution_id);
CREATE INDEX IF NOT EXISTS idx_steps_status ON steps (status);
CREATE INDEX IF NOT EXISTS idx_artifacts_execution_id ON artifacts (execution_id);
CREATE INDEX IF NOT EXISTS idx_artifacts_step_id ON artifacts (step_id);
"""
KEEP_EXECUTION = (
    "INSERT OR REPLACE INTO executions(id,name,command,working_directory,status,exit_code,"
    "error_message,created_at,started_at,completed_at,environment,user_name,tags,total_steps,"
    "completed_steps,current_step_index,metadata) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
KEEP_STEP = (
    "INSERT OR REPLACE INTO steps(id,execution_id,name,description,step_index,status,exit_code,"
    "error_message,created_at,started_at,completed_at,estimated_duration,metadata)"
    " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
KEEP_ARTIFACT = (
    "INSERT OR REPLACE INTO artifacts(id,execution_id,step_id,name,description,file_path,"
    "file_name,file_size,mime_type,artifact_type,created_at,tags,is_public,retention_days,"
    "metadata) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)


class Original:
    """The original program, as far as its storage folder can tell."""

    def __init__(
        self,
        folder: Path,
        *,
        journal: str = "delete",
        name: str = "stepflow.db",
        has_stop_on_error: bool = False,
    ) -> None:
        self.storage = folder / "storage"
        for part in ("database", "executions", "artifacts"):
            (self.storage / part).mkdir(parents=True, exist_ok=True)
        self.database = self.storage / "database" / name
        self.connection = sqlite3.connect(self.database)
        self.connection.execute(f"PRAGMA journal_mode={journal}")
        self.connection.execute(EXECUTIONS)
        stop_on_error = "stop_on_error BOOLEAN DEFAULT 0," if has_stop_on_error else ""
        self.connection.execute(STEPS.format(stop_on_error))
        self.connection.execute(ARTIFACTS)
        self.connection.executescript(INDEXES)

    def keep_execution(
        self,
        execution_id: str,
        status: str = "completed",
        *,
        at: str = "2024-05-01T12:00:00",
        code: int | None = 0,
        tags: str = '["ci"]',
    ) -> None:
        ended_at = at if status not in ("pending", "running") else None
        row = [execution_id, "Nightly 🚀", "make", "/srv", status, code, None, at, at, ended_at]
        row += ['{"A": "1"}', "zoë", tags, 1, 0, 0, json.dumps({"ключ": "\0"})]
        self.connection.execute(KEEP_EXECUTION, row)
        self.connection.commit()

    def keep_step(
        self, execution_id: str, index: int, log: bytes | None, status: str = "completed"
    ) -> str:
        step_id = STEP.format(int(execution_id[:4]) * 1000 + index)
        at = f"2024-05-01T12:00:0{index}"
        row = [step_id, execution_id, f"step {index}", "", index, status, 0, None, at, at, at]
        self.connection.execute(KEEP_STEP, [*row, None, "{}"])
        self.connection.commit()
        if log is not None:
            folder = self.storage / "executions" / execution_id
            folder.mkdir(exist_ok=True)
            (folder / f"step_{index}_{step_id}.log").write_bytes(log)
        return step_id

    def keep_artifact(self, execution_id: str, artifact_id: str, file_path: str) -> None:
        row = [artifact_id, execution_id, None, "a.txt", "", file_path, "a.txt", 3, "text/plain"]
        row += ["other", "2024-05-01T12:00:00", "[]", 1, None, "{}"]
        self.connection.execute(KEEP_ARTIFACT, row)
        self.connection.commit()

    def with_two_executions(self) -> "Original":
        self.keep_execution(E1)
        self.keep_step(E1, 0, b"[2024-05-01T12:00:00] one\n[2024-05-01T12:00:01.250000]  two\n")
        self.keep_step(E1, 1, b"[2024-05-01T12:00:02] three\n")
        self.keep_execution(E2, "running", code=None)
        self.keep_step(E2, 0, b"[2024-05-01T13:30:00] last words\n", "running")
        stored = self.storage / "artifacts" / E1
        stored.mkdir()
        (stored / "x_a.txt").write_bytes(b"abc")
        self.keep_artifact(E1, "x", f"storage/artifacts/{E1}/x_a.txt")
        self.keep_artifact(E1, "y", "/never/there.txt")
        return self

    def repeat(self, execution_id: str, times: int) -> None:
        """The row of an execution, and those of its steps, so many times more."""
        number = "printf('%08x-0000-4000-8000-%012x', {}, n)"
        self.connection.executescript(f"""
            CREATE TEMP TABLE numbers AS WITH RECURSIVE each(n) AS
                (SELECT 1 UNION ALL SELECT n + 1 FROM each WHERE n < {times}) SELECT n FROM each;
            CREATE TEMP TABLE copied AS SELECT * FROM executions WHERE id = '{execution_id}';
            CREATE TEMP TABLE copied_steps AS
                SELECT * FROM steps WHERE execution_id = '{execution_id}';
        """)
        for table, source, changed in (
            ("executions", "copied", {"id": number.format(1)}),
            (
                "steps",
                "copied_steps",
                {"id": number.format("2 + step_index"), "execution_id": number.format(1)},
            ),
        ):
            names = [row[1] for row in self.connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(changed.get(name, name) for name in names)
            self.connection.execute(f"INSERT INTO {table} SELECT {values} FROM {source}, numbers")
        self.connection.commit()

    def rows(self, table: str) -> list[tuple[object, ...]]:
        return self.connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()

    def close(self) -> "Original":
        self.connection.close()
        return self
