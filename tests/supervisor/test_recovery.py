"""What becomes of executions when their server ends and another one starts."""

import asyncio
from datetime import timedelta

import structlog.testing

from eventually import eventually
from floor import Floor
from stepflow.model import NewExecution, Succeeded, TimedOut
from stepflow.process import Folder
from stepflow.store import SqliteStore
from stepflow.supervisor import Supervisor


def created(floor: Floor, command: str, **fields: object) -> str:
    """Create an execution and end the supervisor at once; the execution's id."""

    async def create(supervisor: Supervisor, _: SqliteStore) -> str:
        wanted = NewExecution(command=command, working_directory=str(floor.work), **fields)  # type: ignore[arg-type]
        execution = await supervisor.create(wanted)
        folder = supervisor.folder(execution.id)
        await asyncio.to_thread(eventually, folder.log.exists)
        return execution.id

    return floor.on(create)


async def ended(supervisor: Supervisor, execution_id: str) -> object:
    return (await supervisor.wait(execution_id, timedelta(seconds=20))).outcome


def test_a_script_goes_on_between_two_supervisors(floor: Floor) -> None:
    execution_id = created(floor, "echo one; sleep 0.3; echo two")
    assert floor.on(lambda supervisor, _: ended(supervisor, execution_id)) == Succeeded()


def test_a_script_that_ended_meanwhile_is_settled_with_its_own_times(floor: Floor) -> None:
    execution_id = created(floor, "echo STEP_START:a; sleep 0.2; echo STEP_COMPLETE:a; echo x>done")
    eventually((floor.work / "done").exists)

    async def duration(supervisor: Supervisor, store: SqliteStore) -> float:
        await ended(supervisor, execution_id)
        (step,) = await store.steps(execution_id)
        return step.duration_seconds or 0

    assert 0.1 <= floor.on(duration) < 5


def test_a_deadline_holds_with_no_supervisor_alive(floor: Floor) -> None:
    execution_id = created(floor, "sleep 60", timeout=0.3)
    assert floor.on(lambda supervisor, _: ended(supervisor, execution_id)) == TimedOut(0.3)


def test_what_goes_wrong_inside_is_tried_again_and_harms_no_script(floor: Floor) -> None:
    execution_id = created(floor, "until test -e go; do sleep 0.01; done; echo fine")

    async def troubled(supervisor: Supervisor, _: SqliteStore) -> object:
        folder = supervisor.folder(execution_id)
        folder.status.rmdir()
        (folder.path / "aside").rename(folder.status)
        (floor.work / "go").touch()
        async with asyncio.timeout(30):
            return (await supervisor.wait(execution_id, timedelta(hours=1))).outcome

    folder = Folder(next(floor.storage.glob(f"executions/*/{execution_id}")))
    folder.status.rename(folder.path / "aside")
    folder.status.mkdir()
    with structlog.testing.capture_logs() as logs:
        assert floor.on(troubled) == Succeeded()
    assert [one["event"] for one in logs].count("following failed, trying again") == 1


def test_the_queue_survives_in_its_order(floor: Floor) -> None:
    async def queue(supervisor: Supervisor, _: SqliteStore) -> list[str]:
        commands = ["sleep 0.5", "true", "true"]
        return [(await supervisor.create(NewExecution(command=c))).id for c in commands]

    ids = floor.on(queue, max_running=1)

    async def places(supervisor: Supervisor, _: SqliteStore) -> list[int | None]:
        return [supervisor.queue_place(execution_id) for execution_id in ids]

    assert floor.on(places, max_running=1) == [None, 1, 2]
