"""Every state in which a server can die, and what the next one makes of it."""

import asyncio
import os
import signal
import struct
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventually import eventually
from floor import Floor
from server_process import ServerProcess
from stepflow.model import (
    Cancellation,
    Cancelled,
    CouldNotStart,
    Execution,
    Failed,
    Lost,
    NewExecution,
    Status,
    StoppedOnError,
    Succeeded,
    TimedOut,
    month_of,
    new_id,
)
from stepflow.process import Folder, ProcessRecord, is_pumped, read_status
from stepflow.store import SqliteStore, open_sqlite
from stepflow.supervisor import Supervisor

WAIT = "until test -e go; do sleep 0.02; done"


async def ended(supervisor: Supervisor, execution_id: str) -> Execution:
    return await supervisor.wait(execution_id, timedelta(seconds=20))


def settled(floor: Floor, execution_id: str) -> Execution:
    return floor.on(lambda supervisor, _: ended(supervisor, execution_id))


def left_running(floor: Floor, command: str, **fields: Any) -> tuple[str, Folder, ProcessRecord]:
    """An execution whose script runs and has no server any more."""

    async def begin(supervisor: Supervisor, _: SqliteStore) -> tuple[str, Folder]:
        wanted = NewExecution(command=command, working_directory=str(floor.work), **fields)
        created = await supervisor.create(wanted)
        folder = supervisor.folder(created.id)
        await asyncio.to_thread(eventually, lambda: folder.log.exists() and script_of(folder))
        while (await supervisor.store.execution(created.id)).status is not Status.RUNNING:
            await asyncio.sleep(0.01)
        return created.id, folder

    execution_id, folder = floor.on(begin)
    script = script_of(folder)
    assert script is not None
    return execution_id, folder, script


def script_of(folder: Folder) -> ProcessRecord | None:
    return read_status(folder.status).script if folder.status.exists() else None


def runs(script: ProcessRecord) -> bool:
    """Alive and no zombie, which is somebody else's to bury."""
    try:
        stat = Path(f"/proc/{script.identity.pid}/stat").read_bytes()
    except FileNotFoundError:
        return False
    return script.identity.is_alive and stat.rpartition(b")")[2].split()[0] != b"Z"


def go(floor: Floor) -> None:
    (floor.work / "go").touch()


def kill_pump(folder: Folder) -> None:
    pump = read_status(folder.status).pump
    assert pump is not None
    os.kill(pump.identity.pid, signal.SIGKILL)
    eventually(lambda: not is_pumped(folder))


def recorded(floor: Floor, **fields: Any) -> Execution:
    """A row whose server died before it made the folder."""
    row = Execution(
        id=new_id(int(datetime.now(UTC).timestamp() * 1000), os.urandom(10)),
        name="n",
        command="echo done",
        created_at=datetime.now(UTC),
        working_directory=str(floor.work),
        **fields,
    )
    return floor.on(lambda _, store: store.create(row), max_running=0)


def test_a_pending_row_whose_spec_never_arrived_runs_in_no_other_environment(
    floor: Floor,
) -> None:
    row = recorded(floor)
    outcome = settled(floor, row.id).outcome
    assert isinstance(outcome, CouldNotStart)
    assert "environment" in outcome.reason
    assert floor.text(row) == b""


def test_a_pending_execution_whose_folder_is_lost_keeps_its_environment(floor: Floor) -> None:
    async def lose(supervisor: Supervisor, _: SqliteStore) -> Execution:
        first = await supervisor.create(
            NewExecution(command=WAIT, working_directory=str(floor.work))
        )
        second = await supervisor.create(
            NewExecution(command="echo $A $B", caller_environment={"A": "mine"},
                         secret_environment={"B": "secret"})
        )  # fmt: skip
        folder = supervisor.folder(second.id).path
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        go(floor)
        await ended(supervisor, first.id)
        return await ended(supervisor, second.id)

    after = floor.on(lose, max_running=1)
    assert (after.outcome, floor.text(after)) == (Succeeded(), b"mine ******\n")


def test_a_pending_row_whose_secrets_never_arrived_says_so(floor: Floor) -> None:
    outcome = settled(floor, recorded(floor, secret_names=["KEY"]).id).outcome
    assert isinstance(outcome, CouldNotStart)
    assert "secrets" in outcome.reason


def test_a_pending_row_that_was_cancelled_never_starts(floor: Floor) -> None:
    row = recorded(floor, cancellation=Cancellation(Cancelled("user"), datetime.now(UTC)))
    after = settled(floor, row.id)
    assert (after.outcome, after.started_at) == (Cancelled("user"), None)
    assert floor.text(after) == b""


def test_a_running_row_whose_folder_is_gone_is_lost_and_harms_no_other(floor: Floor) -> None:
    gone, folder, script = left_running(floor, WAIT)
    other, _, _ = left_running(floor, f"{WAIT}; echo fine")
    for path in folder.path.iterdir():
        path.unlink()
    folder.path.rmdir()
    go(floor)
    assert settled(floor, gone).outcome == Lost("its folder is gone")
    assert settled(floor, other).outcome == Succeeded()
    eventually(lambda: not runs(script))


def test_a_script_whose_folder_is_gone_is_stopped_and_named(floor: Floor) -> None:
    gone, folder, script = left_running(floor, "exec sleep 600")
    for path in folder.path.iterdir():
        path.unlink()
    folder.path.rmdir()
    after = settled(floor, gone)
    assert (after.outcome, after.survivors) == (
        Lost("its folder is gone"),
        f"sleep ({script.identity.pid})",
    )
    eventually(lambda: not runs(script))


def test_a_script_that_ended_without_a_server_has_its_own_end(floor: Floor) -> None:
    execution_id, _, script = left_running(floor, f"{WAIT}; echo last; exit 7")
    go(floor)
    eventually(lambda: not runs(script))
    before = datetime.now(UTC)
    after = settled(floor, execution_id)
    assert (after.outcome, after.exit_code) == (Failed(7), 7)
    assert after.completed_at is not None
    assert after.completed_at < before
    assert floor.text(after) == b"last\n"


def test_a_script_whose_pump_died_gets_another_one(floor: Floor) -> None:
    execution_id, folder, _ = left_running(floor, f"{WAIT}; echo last; exit 7")
    kill_pump(folder)
    go(floor)
    after = settled(floor, execution_id)
    assert floor.text(after) == b"last\n"
    assert after.outcome in (Failed(7), Lost("the exit code is unknown"))


def test_a_script_that_ended_with_its_pump_dead_never_counts_as_succeeded(floor: Floor) -> None:
    execution_id, folder, script = left_running(floor, f"{WAIT}; echo last; exit 7")
    kill_pump(folder)
    go(floor)
    eventually(lambda: not runs(script))
    after = settled(floor, execution_id)
    assert after.outcome in (Failed(7), Lost("the exit code is unknown"))
    assert after.tail_may_be_missing or floor.text(after) == b"last\n"


def test_a_deadline_that_passed_with_pump_and_server_dead_is_applied_at_once(
    floor: Floor,
) -> None:
    execution_id, folder, script = left_running(floor, f"echo up; {WAIT}", timeout=0.4)
    kill_pump(folder)
    eventually(lambda: datetime.now(UTC) > script.at + timedelta(seconds=0.5))
    assert runs(script)
    assert settled(floor, execution_id).outcome == TimedOut(0.4)
    assert not runs(script)


def test_a_deadline_still_holds_for_a_pump_that_was_attached(floor: Floor) -> None:
    execution_id, folder, script = left_running(floor, f"echo up; {WAIT}", timeout=2.0)
    kill_pump(folder)
    assert settled(floor, execution_id).outcome == TimedOut(2.0)
    assert not runs(script)


@pytest.mark.parametrize("is_pump_dead", [False, True])
def test_a_cancel_that_was_recorded_and_not_sent_is_sent(floor: Floor, is_pump_dead: bool) -> None:
    execution_id, folder, script = left_running(floor, f"echo up; {WAIT}")
    intent = Cancellation(Cancelled("user"), datetime.now(UTC))
    if is_pump_dead:
        kill_pump(folder)

    async def intend_only() -> None:
        store = await open_sqlite(floor.storage / "database/stepflow.db")
        await store.update(execution_id, cancellation=intent)
        await store.close()

    asyncio.run(intend_only())
    assert settled(floor, execution_id).outcome == Cancelled("user")
    assert not runs(script)


def of_another_boot(folder: Folder) -> None:
    """Rewrite pump and script record as an earlier boot of this machine wrote them."""
    with folder.status.open("r+b") as status:
        for slot in (0, 1):
            status.seek(slot * 64)
            record = bytearray(status.read(60))
            record[16:32] = os.urandom(16)
            status.seek(slot * 64)
            status.write(bytes(record) + struct.pack("<I", zlib.crc32(record)))


def test_what_ran_before_a_reboot_is_lost_and_keeps_its_log(floor: Floor) -> None:
    execution_id, folder, script = left_running(floor, f"echo STEP_START:a; echo up; {WAIT}")
    eventually(lambda: folder.log.read_bytes().endswith(b"up\n"))
    kill_pump(folder)
    with suppress(ProcessLookupError):
        os.killpg(script.identity.pid, signal.SIGKILL)
    of_another_boot(folder)
    after = settled(floor, execution_id)
    assert after.outcome == Lost("the machine was rebooted")
    assert after.tail_may_be_missing
    assert floor.text(after) == b"STEP_START:a\nup\n"
    (step,) = floor.on(lambda _, store: store.steps(execution_id))
    assert step.status.is_final


def test_a_process_that_got_the_number_of_a_script_is_never_touched(floor: Floor) -> None:
    execution_id, folder, script = left_running(floor, f"echo up; {WAIT}", timeout=600)
    kill_pump(folder)
    of_another_boot(folder)
    settled(floor, execution_id)
    assert runs(script)
    os.killpg(script.identity.pid, signal.SIGKILL)


def test_an_end_that_was_recorded_before_a_reboot_is_the_end(floor: Floor) -> None:
    execution_id, folder, script = left_running(floor, f"{WAIT}; exit 3")
    go(floor)
    eventually(lambda: read_status(folder.status).exit is not None)
    eventually(lambda: not runs(script))
    of_another_boot(folder)
    assert settled(floor, execution_id).outcome == Failed(3)


def test_a_script_whose_records_a_power_cut_took_is_not_run_twice(floor: Floor) -> None:
    began = datetime.now(UTC) - timedelta(days=10_000)
    row = recorded(floor, status=Status.RUNNING, started_at=began)
    folder = Folder(floor.storage / "executions" / str(month_of(row.id)) / row.id)
    folder.create()
    folder.status.write_bytes(bytes(4096))
    assert settled(floor, row.id).outcome == Lost("the machine was rebooted")


def test_a_torn_record_is_unknown_and_never_zero(floor: Floor) -> None:
    execution_id, folder, script = left_running(floor, f"{WAIT}; exit 3")
    go(floor)
    eventually(lambda: not runs(script))
    with folder.status.open("r+b") as status:
        status.seek(128 + 6)
        status.write(b"\xff")
    after = settled(floor, execution_id)
    assert after.outcome != Succeeded()
    assert after.exit_code != 0


def test_a_log_that_a_quiet_script_writes_is_not_archived_by_the_next_server(
    floor: Floor,
) -> None:
    fill = "i=0; while [ $i -lt 4000 ]; do echo line $i of the log of a script; i=$((i+1)); done"
    execution_id, folder, _ = left_running(floor, f"{fill}; touch filled; {WAIT}; echo last")
    eventually((floor.work / "filled").exists)
    eventually(lambda: folder.log.stat().st_size > 100_000)
    old = folder.log.stat().st_mtime - 3600
    os.utime(folder.log, (old, old))

    done = floor.on(lambda supervisor, _: floor.run(supervisor, fill), archive_after_seconds=60)
    ended_log = next(floor.storage.glob(f"executions/*/{done.id}/log"))
    os.utime(ended_log, (old, old))

    async def look(supervisor: Supervisor, _: SqliteStore) -> bool:
        # All that is to be archived is known before the first is.
        await asyncio.to_thread(eventually, ended_log.with_name("log.zst").exists)
        return folder.log.exists() and not folder.archive.exists()

    assert floor.on(look)
    go(floor)
    assert floor.text(settled(floor, execution_id)).endswith(b"last\n")


def test_a_critical_step_that_failed_without_a_server_stops_the_script(floor: Floor) -> None:
    start = "echo 'STEP_START:a[stop_on_error=true]'"
    script = f"{start}; {WAIT}; echo STEP_ERROR:no; touch said; sleep 60"
    execution_id, _, record = left_running(floor, script)
    go(floor)
    eventually((floor.work / "said").exists)
    assert settled(floor, execution_id).outcome == StoppedOnError("a")
    assert not runs(record)


def test_the_last_error_is_told_though_another_server_heard_it(floor: Floor) -> None:
    script = f"echo STEP_START:a; echo STEP_ERROR:the disk is on fire; touch said; {WAIT}; exit 4"
    execution_id, _, _ = left_running(floor, script)
    eventually((floor.work / "said").exists)

    async def heard(supervisor: Supervisor, store: SqliteStore) -> None:
        while not (await store.annotations(execution_id)).annotations:
            await asyncio.sleep(0.01)

    floor.on(heard)
    go(floor)
    assert "the disk is on fire" in (settled(floor, execution_id).error_message or "")


def test_one_row_that_cannot_be_recovered_stops_no_other(floor: Floor) -> None:
    good, folder, _ = left_running(floor, WAIT)
    bad = recorded(floor)
    (folder.path.parent / bad.id).write_text("a file where the folder should be")
    go(floor)
    assert settled(floor, good).outcome == Succeeded()


def test_what_a_script_wrote_into_files_is_told_once_whenever_the_server_dies(
    server: ServerProcess,
) -> None:
    script = r"""
    for n in 1 2 3; do
      echo "STEP_START:s$n"; echo "A$n=$n" >> $GITHUB_ENV; echo "part $n" >> $GITHUB_STEP_SUMMARY
      echo "STEP_COMPLETE:s$n"; until test -e go$n; do sleep 0.02; done
    done
    """
    execution_id = server.create(script)
    path = f"/api/executions/{execution_id}"

    def names() -> list[str]:
        found = server.client.get(f"{path}/outputs").json()["environment"]
        return [variable["name"] for variable in found]

    for n in (1, 2, 3):
        eventually(lambda n=n: len(names()) == n)  # type: ignore[misc]
        server.kill()
        if n > 1:  # while nobody looks
            (server.folder / f"go{n}").touch()
        server.start()
        (server.folder / f"go{n}").touch()
    server.ended(execution_id)
    assert names() == ["A1", "A2", "A3"]
    (summary,) = server.client.get(f"{path}/summary").json()["summaries"]
    assert summary["markdown"] == "part 1\npart 2\npart 3"
