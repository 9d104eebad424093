"""A secret is nowhere but in the script: not in an answer, a file, a log, or a process's words."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from eventually import eventually
from floor import Floor
from server_process import ServerProcess
from stepflow.model import Execution, NewExecution
from stepflow.process import Folder, read_status
from stepflow.store import SqliteStore
from stepflow.supervisor import Supervisor

SECRET = "tr0ub4dor-and-3"


def files_with(secret: str, folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]


def answers(served: ServerProcess, execution_id: str) -> list[str]:
    paths = ("", "/logs", "/log", "/steps", f"/search?q={SECRET}", "/usage", "/artifacts")
    found = [served.client.get(f"/api/executions/{execution_id}{path}").text for path in paths]
    return [*found, served.client.get("/api/executions").text, served.client.get("/metrics").text]


def test_a_secret_is_in_no_answer_file_or_command_line(server: ServerProcess) -> None:
    script = (
        'echo "$KEY"; echo "STEP_START:with $KEY"; echo "META:$KEY:$KEY"; echo "ARTIFACT:$KEY"; '
        'until test -e go; do sleep 0.02; done; echo "STEP_ERROR:$KEY"; exit 1'
    )
    execution_id = server.create(script, secret_environment={"KEY": SECRET})
    eventually(lambda: server.execution(execution_id)["steps"])
    while_running = answers(server, execution_id)
    inside = files_with(SECRET, server.folder)
    status = next(server.storage.glob("executions/*/*/status"))
    pump = read_status(Folder(status.parent).status).pump
    assert pump is not None
    words = Path(f"/proc/{pump.identity.pid}/cmdline").read_bytes()
    words += Path(f"/proc/{pump.identity.pid}/environ").read_bytes()
    (server.folder / "go").touch()
    server.ended(execution_id)
    assert not [text for text in (*while_running, *answers(server, execution_id)) if SECRET in text]
    assert SECRET.encode() not in words
    # Only its own folder, which only the server's user can read, holds it, until the end.
    assert {Path(name).name for name in inside} <= {"spec.json", "masks", "log"}
    assert files_with(SECRET, server.folder) == []


def test_the_names_of_secrets_are_told_and_a_rerun_asks_for_their_values(
    server: ServerProcess,
) -> None:
    execution_id = server.create("true", secret_environment={"KEY": SECRET})
    assert server.ended(execution_id)["execution"]["secret_names"] == ["KEY"]
    again = server.client.post(f"/api/executions/{execution_id}/rerun")
    assert again.status_code == 422
    assert "KEY" in again.json()["detail"]
    given = {"secret_environment": {"KEY": "another-value"}}
    assert server.client.post(f"/api/executions/{execution_id}/rerun", json=given).is_success


def test_a_mask_that_a_script_sets_hides_what_it_said_before_and_after(
    server: ServerProcess,
) -> None:
    (server.folder / "key").write_text(SECRET)
    script = "k=$(cat key); echo early $k; echo STEP_MASK:$k; echo STEP_START:$k; echo $k"
    execution_id = server.create(script)
    server.ended(execution_id)
    assert not [text for text in answers(server, execution_id) if SECRET in text]
    assert files_with(SECRET, server.storage / "executions") == []
    stars = "*" * len(SECRET)
    assert server.text(execution_id).decode().splitlines()[-1] == stars


def test_a_mask_works_while_the_script_runs_and_after_a_crash_of_the_server(
    server: ServerProcess,
) -> None:
    script = f"echo STEP_MASK:{SECRET}; echo {SECRET}; until test -e go; do sleep 0.02; done"
    execution_id = server.create(f"{script}; echo {SECRET}")
    eventually(lambda: server.text(execution_id).count(b"\n") == 2)
    assert SECRET.encode() not in server.text(execution_id)
    server.kill()
    (server.folder / "go").touch()
    server.start()
    seen = server.text(execution_id)
    server.ended(execution_id)
    assert SECRET.encode() not in seen + server.text(execution_id)
    assert files_with(SECRET, server.storage / "executions") == []


def test_no_reader_is_faster_than_the_mask(server: ServerProcess) -> None:
    script = f"sleep 0.2; i=0; while [ $i -lt 50 ]; do echo STEP_MASK:{SECRET}$i; echo {SECRET}$i; "
    execution_id = server.create(f"{script} i=$((i+1)); sleep 0.01; done")
    seen = b""
    while server.execution(execution_id)["execution"]["status"] not in ("completed", "failed"):
        seen += server.text(execution_id)
    assert SECRET.encode() not in seen


def test_after_a_restart_the_first_reader_sees_no_secret(server: ServerProcess) -> None:
    execution_id = server.create('echo "$KEY"; sleep 30', secret_environment={"KEY": SECRET})
    eventually(lambda: server.text(execution_id))
    server.kill()
    server.spawn()
    seen = b""

    def is_answered() -> bool:
        nonlocal seen
        if (server.storage / "stepflow.sock").exists() and server._answers():
            seen = server.text(execution_id)
        return bool(seen)

    eventually(is_answered, within=30)
    assert SECRET.encode() not in seen
    server.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})
    server.ended(execution_id)


def test_a_lost_spec_takes_no_mask_with_it(floor: Floor) -> None:
    async def begun(supervisor: Supervisor, _: SqliteStore) -> str:
        wanted = NewExecution(
            command="echo $KEY; until test -e go; do sleep 0.02; done",
            working_directory=str(floor.work),
            secret_environment={"KEY": SECRET},
        )
        log = supervisor.folder((created := await supervisor.create(wanted)).id).log
        await asyncio.to_thread(eventually, lambda: log.exists() and log.stat().st_size)
        return created.id

    execution_id = floor.on(begun)
    folder = next(floor.storage.glob(f"executions/*/{execution_id}"))
    (folder / "spec.json").unlink()
    (floor.work / "go").touch()
    floor.on(lambda supervisor, _: ended(supervisor, execution_id))
    assert files_with(SECRET, floor.storage) == []


def test_what_was_written_while_no_server_ran_is_shown_once_its_masks_are_known(
    floor: Floor,
) -> None:
    filling = "yes filling | head -c 20000000"
    script = (
        f"echo begun; until test -e go; do sleep 0.02; done; {filling}; echo STEP_MASK:{SECRET};"
        f" echo {SECRET}; touch written; until test -e end; do sleep 0.02; done"
    )

    async def begun(supervisor: Supervisor, _: SqliteStore) -> Execution:
        wanted = NewExecution(command=script, working_directory=str(floor.work))
        log = supervisor.folder((created := await supervisor.create(wanted)).id).log
        await asyncio.to_thread(eventually, lambda: log.exists() and log.stat().st_size)
        return created

    async def seen(supervisor: Supervisor, _: SqliteStore) -> bytes:
        with supervisor.open_transcript(execution) as transcript:
            first = transcript.read(0, transcript.size_bytes)
        (floor.work / "end").touch()
        await ended(supervisor, execution.id)
        return first

    execution = floor.on(begun)
    (floor.work / "go").touch()
    eventually((floor.work / "written").exists)
    log = next(floor.storage.glob(f"executions/*/{execution.id}/log"))
    eventually(lambda: SECRET.encode() in log.read_bytes()[-1000:])
    assert SECRET.encode() not in floor.on(seen)
    assert floor.text(execution).endswith(b"*" * len(SECRET) + b"\n")


async def ended(supervisor: Supervisor, execution_id: str) -> Any:
    return await supervisor.wait(execution_id, timedelta(seconds=20))


def test_an_end_that_a_crash_cut_short_is_tidied_by_the_next_server(floor: Floor) -> None:
    ended_ = floor.result("echo hello", secret_environment={"KEY": SECRET})
    folder = next(floor.storage.glob(f"executions/*/{ended_.id}"))
    (folder / "spec.json").write_text(SECRET)
    (folder / "masks").write_bytes(b"\x91\xc4\x0f" + SECRET.encode())
    (folder / "log").write_text(f"hello {SECRET}\n")
    assert SECRET.encode() not in floor.text(ended_)

    async def tidied(supervisor: Supervisor, _: SqliteStore) -> None:
        await asyncio.to_thread(eventually, lambda: not (folder / "masks").exists())

    floor.on(tidied)
    assert files_with(SECRET, floor.storage) == []
