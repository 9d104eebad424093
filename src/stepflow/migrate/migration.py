"""The migration of a storage folder of the original program, in place.

First a verified backup, then a note of it beside the database, then one short write after another;
the version of our schema comes last. So whatever is killed at whatever point is found and gone on
with, from the same backup, and until the end the database is one that the original can use.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from stepflow.backup import DATABASE, Shelf, make, sync, write_durably
from stepflow.errors import InvalidSetting, StorageUnusable
from stepflow.migrate.clock import LocalClock
from stepflow.migrate.forward import is_rolled_back, roll_forward
from stepflow.migrate.openers import openers
from stepflow.migrate.proof import Proof, compare_logs, compare_rows
from stepflow.migrate.report import Report
from stepflow.migrate.rules import Notes, taken
from stepflow.migrate.step_logs import Transcribed, step_logs, transcribe
from stepflow.model import is_id
from stepflow.store import original
from stepflow.store.original import Found, OriginalDatabase, Taken

NOTE_NAME = "migration.json"
BATCH = 500

Told = Callable[[str, int, int], None]


def quiet(_what: str, _done: int, _of: int) -> None:
    """For callers that show no progress."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`timezone` None is the host's; `timezone_source` says where the name came from. `told` hears
    of progress: of what, how much is done, of how much."""

    timezone: str | None = None
    timezone_source: str = "of this machine"
    is_dry_run: bool = False
    told: Told = quiet


class _Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration that goes on needs to know of its beginning."""

    backup: str
    timezone: str | None
    timezone_name: str
    journal_mode: str


def is_legacy(storage: Path) -> bool:
    """Whether the storage folder holds a database that has to be migrated first."""
    database = original.database_of(storage)
    if database is None:
        return False
    with original.look(database) as connection:
        return original.is_original(connection)


def migrate(storage: Path, options: Options) -> Report:
    """Migrate the folder, or go on with it, or take over what the original wrote since. The caller
    owns the folder. Raises StepflowError for what keeps it from beginning; then nothing changed."""
    begun = time.monotonic()
    note = _note(storage)
    options = _as_begun(options, note)
    clock = LocalClock(options.timezone)
    database = original.database_of(storage)
    if database is None:
        raise StorageUnusable(f"there is no database in {storage / 'database'}")
    report = Report(
        state="migrated",
        database=str(database),
        timezone=clock.name,
        timezone_source=options.timezone_source,
        is_resumed=note is not None,
    )
    if options.is_dry_run:
        if is_rolled_back(database):
            report.remarks.append("it was rolled back, and would be taken over again")
    elif roll_forward(storage, database, options.timezone, options.told):
        report.remarks.append("it had been rolled back, and is taken over again")
    is_ours = _examine(database, report)
    if options.is_dry_run:
        _plan(storage, database, report, clock, is_ours=is_ours)
    elif is_ours:
        _take_later_rows(storage, database, report, clock, options.told)
        (storage / "database" / NOTE_NAME).unlink(missing_ok=True)
    else:
        _Migration(storage, database, report, clock, options).run(note)
    report.ambiguous_times, report.imaginary_times = clock.ambiguous, clock.imaginary
    report.seconds = round(time.monotonic() - begun, 3)
    if report.state == "migrated" and report.backup is not None:
        text = msgspec.json.format(msgspec.json.encode(report), indent=2)
        (Path(report.backup) / NOTE_NAME).write_bytes(text)
    return report


def _as_begun(options: Options, note: _Note | None) -> Options:
    """A migration ends in the zone that it began with: half of the times are in UTC already."""
    if note is None:
        return options
    if options.timezone not in (None, note.timezone):
        raise InvalidSetting(
            f"this migration was begun with the time zone {note.timezone_name}, and times are"
            f" turned already: go on without --timezone, or put back {note.backup}",
            field="timezone",
        )
    return msgspec.structs.replace(
        options, timezone=note.timezone, timezone_source="as the migration began"
    )


def _note(storage: Path) -> _Note | None:
    try:
        text = (storage / "database" / NOTE_NAME).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(text, type=_Note)


def _examine(database: Path, report: Report) -> bool:
    """Look without a trace; True if the database is ours. StorageUnusable if it is damaged."""
    with original.look(database) as connection:
        # A whole check keeps a writer with a rollback journal out for as long as it takes; while
        # the original has it open, the copy in the backup is checked instead.
        found = None if openers(database) else original.damage(connection)
        if found is not None:
            rows = original.readable_rows(connection)
            readable = ", ".join(f"{count} {table}" for table, count in rows.items())
            raise StorageUnusable(
                f"{database} is damaged ({found}); nothing was changed. {readable} can be read:"
                " `sqlite3 damaged.db .recover` on a copy saves what there is"
            )
        is_ours = original.is_taken(connection)
        report.journal_mode = original.journal_mode(database)
        report.executions, report.steps, report.artifacts = original.counts(connection).values()
    cut = original.cut_wal_bytes(database)
    if cut:
        report.remarks.append(
            f"the -wal of the database ends in the middle of a write ({cut} bytes): everything"
            " before that was whole"
        )
    return is_ours


def _plan(
    storage: Path, database: Path, report: Report, clock: LocalClock, *, is_ours: bool
) -> None:
    report.state = "nothing" if is_ours else "planned"
    with original.look(database) as connection:
        report.lost, report.steps_closed = original.left_open(connection)
        if is_ours:
            return
        for text in original.times(connection):
            clock.utc_or_none(text)
    report.step_logs = sum(len(step_logs(folder)) for folder in _folders(storage))


def _folders(storage: Path) -> list[Path]:
    executions = storage / "executions"
    return sorted(executions.iterdir()) if executions.is_dir() else []


def adopt(storage: Path, timezone: str | None) -> list[str]:
    """Take over what the original wrote into a migrated database since the last time; the ids of
    the executions. Cheap where there is nothing. Raises StepflowError; then it is done the next
    time."""
    database = storage / "database" / DATABASE
    report = Report(
        state="adopted", database=str(database), timezone="", timezone_source="of the settings"
    )
    return _take_later_rows(storage, database, report, LocalClock(timezone), quiet)


def _take_later_rows(
    storage: Path, database: Path, report: Report, clock: LocalClock, told: Told
) -> list[str]:
    report.state = "nothing"
    report.executions = report.steps = report.artifacts = 0
    with _opened(database, is_shared=True) as writing:
        if not (writing.is_something_new() or writing.left_running(1)):
            return []
        is_alive = bool(openers(database))
        taking = _Taking(storage, writing, report, clock, told, is_alive=is_alive)
        taking.take_all()
        taking.close_left_running()
        writing.recount()
    if taking.taken_ids:
        report.state = "adopted"
    return taking.taken_ids


@contextmanager
def _opened(database: Path, *, is_shared: bool) -> Iterator[OriginalDatabase]:
    writing = OriginalDatabase(database, is_shared=is_shared)
    try:
        yield writing
    finally:
        writing.close()


class _Migration:
    """One run, from wherever the one before it came to."""

    def __init__(
        self,
        storage: Path,
        database: Path,
        report: Report,
        clock: LocalClock,
        options: Options,
    ) -> None:
        self._storage = storage
        self._database = database
        self._report = report
        self._clock = clock
        self._options = options

    def run(self, note: _Note | None) -> None:
        report = self._report
        with self._timed("backup"):
            note = note or self._back_up()
        report.backup, report.journal_mode = note.backup, f"{note.journal_mode} → wal"
        self._require_backup(Path(note.backup))
        if self._database.name != DATABASE:
            self._rename_by_copy(Path(note.backup))
        report.database = str(self._database)
        report.executions = report.steps = report.artifacts = 0
        is_alive = bool(openers(self._database))
        with _opened(self._database, is_shared=is_alive) as writing:
            taking = _Taking(
                self._storage, writing, report, self._clock, self._options.told, is_alive=is_alive
            )
            with self._timed("rows and logs"):
                writing.extend()
                taking.take_new()
            with self._timed("indexes"):
                writing.make_indexes()
                taking.take_all()
                taking.close_left_running()
            with self._timed("comparison"):
                self._prove(Path(note.backup) / DATABASE)
            with self._timed("end"):
                writing.finish()
        (self._storage / "database" / NOTE_NAME).unlink()

    def _back_up(self) -> _Note:
        made = make(self._storage, self._database, origin="migration", told=self._options.told)
        note = _Note(
            backup=str(Shelf(self._storage.absolute()).folder / made.id),
            timezone=self._options.timezone,
            timezone_name=self._clock.name,
            journal_mode=self._report.journal_mode or "",
        )
        write_durably(self._storage / "database" / NOTE_NAME, msgspec.json.encode(note))
        return note

    def _require_backup(self, backup: Path) -> None:
        if not (backup / DATABASE).is_file():
            raise StorageUnusable(
                f"the migration of {self._database} was begun, and its backup {backup} is gone:"
                f" put it back, or remove {self._storage / 'database' / NOTE_NAME} to have"
                " another one made of what is there now"
            )

    def _rename_by_copy(self, backup: Path) -> None:
        """The older name stays, with its file: a program that has it open goes on undisturbed."""
        self._report.remarks.append(
            f"{self._database.name} stays beside {DATABASE} as it was; what the original"
            " writes into it from now on is not seen"
        )
        target = self._database.with_name(DATABASE)
        partial = target.with_name(f"{target.name}.new")
        shutil.copyfile(backup / DATABASE, partial)
        shutil.copymode(self._database, partial)
        sync(partial)
        partial.rename(target)
        sync(target.parent)
        self._database = target

    def _prove(self, backup: Path) -> None:
        proof = Proof()
        # Its own clock: what it counts was counted when the rows were taken.
        clock = LocalClock(self._options.timezone)
        with original.look(backup) as connection:
            total = sum(original.counts(connection).values())
        done = 0
        for table in original.TABLES:
            done += compare_rows(backup, self._database, table, clock, proof)
            self._options.told("comparison", done, total)
        for _ in compare_logs(self._storage / "executions", proof):
            self._options.told("comparison", done, total)
        self._report.differences, self._report.went_on = proof.differences, proof.went_on

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self._report.phases[phase] = round(time.monotonic() - begun, 3)


class _Taking:
    """Rows that are taken one batch after the other; what became of them goes into the report.
    While the original `is_alive`, what it runs goes on running: it will say how that ended."""

    def __init__(
        self,
        storage: Path,
        writing: OriginalDatabase,
        report: Report,
        clock: LocalClock,
        told: Told,
        *,
        is_alive: bool,
    ) -> None:
        self._storage = storage
        self._writing = writing
        self._report = report
        self._clock = clock
        self._told = told
        self._is_alive = is_alive
        self.taken_ids: list[str] = []

    def take_new(self) -> None:
        """What waits now. Who writes faster than we take would else keep us here for ever."""
        waiting = self._writing.waiting()
        total = self._report.executions + waiting
        for batch in self._writing.not_taken(BATCH):
            self._take(batch)
            self._told("executions", min(self._report.executions, total), total)
            waiting -= len(batch)
            if waiting <= 0:
                break

    def take_all(self) -> None:
        """What was rewritten while it was taken comes again, as long as it gets less; the rest is
        taken the next time."""
        before = self._writing.waiting() + 1
        while 0 < (waiting := self._writing.waiting()) < before:
            before = waiting
            self.take_new()
        while batch := self._writing.left_over(BATCH):
            if not self._take(batch):
                break
        while self._writing.adopt_strays(self._clock.utc):
            pass

    def close_left_running(self) -> None:
        """What was running when it was taken, and nobody is left who could say how it ended."""
        while not self._is_alive and (batch := self._writing.left_running(BATCH)):
            if not self._take(batch):
                break

    def _take(self, batch: list[Found]) -> int:
        """Make their logs, then take their rows; how many executions still were what was read."""
        made: dict[str, tuple[Taken, Transcribed, Notes]] = {}
        for found in batch:
            folder = self._storage / "executions" / found.id
            transcribed = transcribe(folder, self._clock) if is_id(found.id) else Transcribed()
            notes = Notes()
            one = taken(found, transcribed, self._clock, notes, is_alive=self._is_alive)
            made[found.id] = (one, transcribed, notes)
        if any(transcribed.spans for _, transcribed, _ in made.values()):
            os.sync()  # one for all: a row that tells of a log must not outlive a power cut alone
        done = self._writing.take([one for one, _, _ in made.values()])
        for one in done:
            _, transcribed, notes = made[one.found.id]
            self._count(one.found, transcribed, notes)
        return len(done)

    def _count(self, found: Found, transcribed: Transcribed, notes: Notes) -> None:
        report = self._report
        self.taken_ids.append(found.id)
        report.executions += 1
        report.steps += len(found.steps)
        report.artifacts += len(found.artifacts)
        report.step_logs += len(transcribed.spans)
        report.log_bytes += transcribed.size_bytes
        report.log_lines += transcribed.lines
        report.unstamped_lines += transcribed.unstamped
        report.lost += notes.lost
        report.steps_closed += notes.steps_closed
        report.repaired += notes.repaired
