import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from eventually import eventually
from floor import Floor
from stepflow.feed import LogComplete, StepUpdate
from stepflow.model import ArtifactState, Execution, NewExecution, StepStatus, Succeeded
from stepflow.process import Folder
from stepflow.store import SqliteStore
from stepflow.supervisor import Supervisor
from stepflow.transcript import rebuild


def test_steps_have_their_lines_times_and_ends(floor: Floor) -> None:
    script = "echo before; echo STEP_START:a; echo in; sleep 0.2; echo STEP_COMPLETE:a; echo after"
    ended = floor.result(script)
    (step,) = floor.on(lambda _, store: store.steps(ended.id))
    assert (step.name, step.status, step.first_line, step.last_line) == (
        "a", StepStatus.COMPLETED, 1, 3
    )  # fmt: skip
    assert 0.15 < (step.duration_seconds or 0) < 5
    assert ended.log_lines == 5


def test_an_open_step_ends_as_the_script_does(floor: Floor) -> None:
    ended = floor.result("echo STEP_START:a; exit 4")
    (step,) = floor.on(lambda _, store: store.steps(ended.id))
    assert (step.status, step.exit_code) == (StepStatus.FAILED, 4)


def test_a_secret_is_in_no_name_and_in_no_byte_of_the_log(floor: Floor) -> None:
    script = "echo key=$KEY; echo STEP_START:with $KEY; echo STEP_ERROR:$KEY"
    ended = floor.result(script, secret_environment={"KEY": "hunter22"})
    (step,) = floor.on(lambda _, store: store.steps(ended.id))
    assert step.name == "with ***"
    assert ended.error_message is not None
    assert "hunter22" not in ended.error_message
    assert floor.text(ended).startswith(b"key=********\n")
    everything = [p.read_bytes() for p in floor.storage.rglob("*") if p.is_file()]
    assert not any(b"hunter22" in content for content in everything)


def test_an_artifact_that_appears_later_is_found_at_the_end(floor: Floor) -> None:
    ended = floor.result(
        "echo ARTIFACT:late.txt; echo ARTIFACT:never.txt; sleep 0.1; echo x>late.txt"
    )
    late, never = floor.on(lambda _, store: store.artifacts(ended.id))
    assert (late.state, late.file_size) == (ArtifactState.STORED, 2)
    assert never.state is ArtifactState.MISSING


def test_a_deleted_log_goes_on_and_is_there_again_at_the_end(floor: Floor) -> None:
    log = f"{floor.storage}/executions/*/*/log"
    ended = floor.result(f"echo one; sleep 0.1; rm {log}; echo two; sleep 0.1")
    assert ended.outcome == Succeeded()
    assert floor.text(ended) == b"one\ntwo\n"


def test_a_line_index_without_room_costs_no_step_and_is_written_when_there_is(
    floor: Floor, tmp_path: Path
) -> None:
    script = (
        "until test -e begin; do sleep 0.01; done; echo STEP_START:a; seq 1 50000;"
        " echo STEP_COMPLETE:a; until test -e go; do sleep 0.01; done; seq 1 50000"
    )

    async def without_room(supervisor: Supervisor, store: SqliteStore) -> Execution:
        wanted = NewExecution(command=script, working_directory=str(floor.work))
        created = await supervisor.create(wanted)
        folder = supervisor.folder(created.id)
        folder.line_index.symlink_to("/dev/full")
        (floor.work / "begin").touch()
        async with asyncio.timeout(20):
            while not [step for step in await store.steps(created.id) if step.is_finished]:
                await asyncio.sleep(0.01)
        folder.line_index.unlink()
        (floor.work / "go").touch()
        return await supervisor.wait(created.id, timedelta(seconds=20))

    ended = floor.on(without_room, archive_after_seconds=1000)
    assert (ended.outcome, ended.log_lines) == (Succeeded(), 100_002)
    folder = Folder(next(floor.storage.glob(f"executions/*/{ended.id}")))
    rebuild(folder.log, tmp_path / "counted.idx")
    assert folder.line_index.read_bytes() == (tmp_path / "counted.idx").read_bytes()


def test_watchers_hear_of_steps_only_when_they_are_recorded(floor: Floor) -> None:
    async def watch(supervisor: Supervisor, store: SqliteStore) -> list[str]:
        with supervisor.feed.watch() as watcher:
            command = "echo STEP_START:a; echo STEP_COMPLETE:a"
            created = await supervisor.create(NewExecution(command=command))
            seen: list[str] = []
            while True:
                for message in await watcher.batch():
                    if isinstance(message, StepUpdate):
                        recorded = await store.steps(created.id)
                        assert message.step.name == recorded[message.step.index].name
                        seen.append(message.step.name)
                    if isinstance(message, LogComplete):
                        return seen

    assert set(floor.on(watch)) == {"a"}


def test_saving_the_offset_never_gets_in_the_way_of_the_end(floor: Floor) -> None:
    async def many(supervisor: Supervisor, _: SqliteStore) -> list[object]:
        script = "echo STEP_START:a; echo one; echo STEP_COMPLETE:a; echo two"
        runs = (floor.run(supervisor, script) for _ in range(40))
        return [execution.outcome for execution in await asyncio.gather(*runs)]

    assert floor.on(many, save_seconds=0.0) == [Succeeded()] * 40


@pytest.mark.parametrize(
    ("command", "save_seconds"), [("echo a; sleep 60", 0.0), ("yes | head -c 1M; sleep 60", 1000.0)]
)
def test_what_was_read_is_recorded_while_the_script_goes_on(
    floor: Floor, command: str, save_seconds: float
) -> None:
    """Little of it after the given time, much of it at the next look."""

    async def recorded(supervisor: Supervisor, store: SqliteStore) -> int:
        created = await supervisor.create(NewExecution(command=command))
        async with asyncio.timeout(30):
            while (state := await store.follow_state(created.id)) is None:
                await asyncio.sleep(0.01)
        await supervisor.cancel(created.id, by="test")
        await supervisor.wait(created.id, timedelta(seconds=20))
        return state.offset

    assert floor.on(recorded, save_seconds=save_seconds) >= 2


def test_usage_is_sampled_while_a_script_runs(floor: Floor) -> None:
    async def sampled(supervisor: Supervisor, store: SqliteStore) -> set[str]:
        ended = await floor.run(supervisor, "sleep 0.5")
        return {sample.name for sample in await store.metrics(ended.id)}

    names = floor.on(sampled, sample_seconds=0.05)
    assert names == {"process.memory_bytes", "process.count", "process.cpu_percent"}


def test_the_queue_holds_what_is_too_many_and_keeps_the_order(floor: Floor) -> None:
    async def three(supervisor: Supervisor, _: SqliteStore) -> list[int | None]:
        commands = ["sleep 0.2", "true", "true"]
        created = [await supervisor.create(NewExecution(command=c)) for c in commands]
        places = [supervisor.queue_place(execution.id) for execution in created]
        waits = (supervisor.wait(e.id, timedelta(seconds=20)) for e in created)
        ended = await asyncio.gather(*waits)
        starts = [execution.started_at for execution in ended]
        assert starts == sorted(starts, key=lambda at: at.timestamp() if at else 0)
        return places

    assert floor.on(three, max_running=1) == [None, 1, 2]


def test_a_large_log_is_archived_after_the_end_and_reads_the_same(floor: Floor) -> None:
    ended = floor.result("seq 1 50000")
    expected = "".join(f"{n}\n" for n in range(1, 50_001)).encode()

    async def archived(supervisor: Supervisor, _: SqliteStore) -> list[str]:
        folder = supervisor.folder(ended.id).path
        names = lambda: [path.name for path in folder.iterdir()]  # noqa: E731
        await asyncio.to_thread(eventually, lambda: names() == ["log.zst"])
        return names()

    assert floor.on(archived) == ["log.zst"]
    assert floor.text(ended) == expected
