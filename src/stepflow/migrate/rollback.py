"""The way back to the original program, in place: it opens the database and sees every execution,
step and artifact, ours included, and can go on from there. So can we, from what it made of it.

The original shows the logs of steps only, so those are written from our transcripts, in its form
and at its place; our own files stay as they are. First of all a verified backup is made.
"""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from stepflow.backup import Shelf, make
from stepflow.backup.arrival import folder_of
from stepflow.errors import NotFound, StorageUnusable
from stepflow.migrate.clock import LocalClock, utc_text
from stepflow.migrate.migration import Options
from stepflow.model import is_id, month_of
from stepflow.store import original
from stepflow.store import rollback as database_rollback
from stepflow.store.original import StepSpan
from stepflow.store.rollback import RolledBack
from stepflow.transcript import Transcript

_LINES = 5000
_BATCH = 500


class RollbackReport(msgspec.Struct, kw_only=True):
    """`state`: `rolled back`, `planned` by a dry run, or `nothing` to do."""

    state: str
    database: str
    timezone: str
    timezone_source: str
    executions: int = 0
    steps: int = 0
    artifacts: int = 0
    unfinished: int = 0
    step_logs: int = 0
    log_bytes: int = 0
    backup: str | None = None
    seconds: float = 0.0

    def text(self) -> str:
        if self.state == "nothing":
            return f"{self.database} is the original's already; there is nothing to do\n"
        title = {
            "rolled back": f"{self.database} can be opened by the original program",
            "planned": f"{self.database} would be rolled back (a dry run: nothing was changed)",
        }[self.state]
        rows = f"{self.executions:,} executions, {self.steps:,} steps, {self.artifacts:,} artifacts"
        lines = [title, f"  rows        {rows}"]
        lines.append(f"  time zone   {self.timezone} ({self.timezone_source})")
        lines.append(f"  logs        {self.step_logs:,} of steps written, {self.log_bytes:,} bytes")
        if self.unfinished:
            lines.append(
                f"  unfinished  {self.unfinished:,}: their scripts go on, and the original shows"
                " them as they are now"
            )
        lines.append("  journal     wal → delete")
        if self.backup:
            lines.append(f"  backup      {self.backup}")
        if self.state == "rolled back":
            lines.append("  forward     stepflow migrate takes it over again, nothing lost")
        lines.append(f"  took        {self.seconds:.1f} s")
        return "\n".join([*lines, ""])


def roll_back(storage: Path, options: Options) -> RollbackReport:
    """Roll the folder back in place. The caller owns it. Raises StepflowError for what keeps it
    from beginning; then nothing changed. Killed at whatever point, it is gone on with."""
    begun = time.monotonic()
    clock = LocalClock(options.timezone)
    database = original.database_of(storage)
    if database is None:
        raise StorageUnusable(f"there is no database in {storage / 'database'}")
    report = RollbackReport(
        state="planned" if options.is_dry_run else "rolled back",
        database=str(database),
        timezone=clock.name,
        timezone_source=options.timezone_source,
    )
    is_ours = _examine(database, report)
    if not is_ours:
        report.state = "nothing"
    elif options.is_dry_run:
        _plan(storage, database, report)
    else:
        made = make(storage, database, origin="rollback", told=options.told)
        report.backup = str(Shelf(storage.absolute()).folder / made.id)
        _write_logs(storage, database, clock, report, options)
        mark = RolledBack(clock.name, utc_text(datetime.now(UTC)))
        database_rollback.roll_back(database, mark, clock.local, options.told)
    if not options.is_dry_run:
        database_rollback.use_rollback_journal(database)
    report.seconds = round(time.monotonic() - begun, 3)
    return report


def _examine(database: Path, report: RollbackReport) -> bool:
    with original.look(database) as connection:
        found = original.damage(connection)
        if found is not None:
            raise StorageUnusable(f"{database} is damaged ({found}); nothing was changed")
        report.executions, report.steps, report.artifacts = original.counts(connection).values()
        report.unfinished = original.left_open(connection)[0]
        return original.is_taken(connection)


def _plan(storage: Path, database: Path, report: RollbackReport) -> None:
    for spans in original.step_spans(database, _BATCH):
        for span in spans:
            if _is_ours(span):
                report.step_logs += folder_of(storage, span.execution_id).path.is_dir()


def _is_ours(span: StepSpan) -> bool:
    """Those of the original still have the logs that it wrote."""
    return is_id(span.execution_id) and month_of(span.execution_id) is not None


def _write_logs(
    storage: Path, database: Path, clock: LocalClock, report: RollbackReport, options: Options
) -> None:
    done = 0
    for spans in original.step_spans(database, _BATCH):
        by_execution: dict[str, list[StepSpan]] = {}
        for span in spans:
            if _is_ours(span):
                by_execution.setdefault(span.execution_id, []).append(span)
        for execution_id, steps in by_execution.items():
            _write_steps(storage, execution_id, steps, clock, report)
        done += len(spans)
        options.told("logs of steps", done, report.steps)
    os.sync()


def _write_steps(
    storage: Path,
    execution_id: str,
    steps: list[StepSpan],
    clock: LocalClock,
    report: RollbackReport,
) -> None:
    try:
        transcript = Transcript.open(folder_of(storage, execution_id).path)
    except NotFound:
        return
    target = storage / "executions" / execution_id
    target.mkdir(mode=0o700, exist_ok=True)
    with transcript:
        for step in steps:
            path = target / f"step_{step.index}_{step.id}.log"
            with path.open("wb") as file:
                for text in _lines(transcript, step, clock):
                    report.log_bytes += file.write(text)
            report.step_logs += 1


def _lines(transcript: Transcript, step: StepSpan, clock: LocalClock) -> Iterator[bytes]:
    number, end = step.first_line, step.last_line + 1
    while number < end:
        lines = transcript.lines(number, min(_LINES, end - number))
        if not lines:
            return
        for line in lines:
            at = line.at or step.started_at
            stamp = clock.local(utc_text(at)) if at else ""
            yield f"[{stamp}] ".encode() + line.text.rstrip(b"\r") + b"\n"
        number = lines[-1].number + 1
