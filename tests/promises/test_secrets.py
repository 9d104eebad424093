"""A secret is nowhere but in the script: not in an answer, a file, a log, or a process's words."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from eventually import eventually
from floor import Floor
from server_process import ServerProcess
from stepflow.model import Execution, NewExecution
from stepflow.process import Folder, read_status
from stepflow.store import SqliteStore
from stepflow.supervisor import Supervisor

SECRET = "tr0ub4dor-and-3"


@pytest.fixture(scope="module")
def served_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("secrets")) as served:
        yield served


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


SAID = """
STEP_START:with {0} [description="{0}" p={0}]
STEP_PROGRESS:1/2 {0}
STEP_WARNING:{0} [file={0}.c, line=1, title="{0}"]
STEP_METRIC:{0}:1 [unit={0}]
STEP_OUTPUT:{0}:{0}
STEP_SUMMARY:{0}
META:{0}:{0}
ARTIFACT:{0}.txt:{0}
##vso[task.prependpath]/{0}
##vso[task.complete result=Failed;]{0}
STEP_COMPLETE:never started {0}
::group::{0}
##teamcity[testStarted name='{0}']
##teamcity[testFailed name='{0}' message='{0}' details='{0}' expected='{0}' actual='{0}']
##teamcity[testFinished name='{0}']
STEP_EVENT:{{"event":"step_start","name":"{0}","id":"{0}"}}
::error file={0}::{0}
STEP_ERROR:{0}
"""


def said_everywhere(server: ServerProcess, execution_id: str) -> list[str]:
    paths = ("annotations", "tests", "metrics", "outputs", "summary", "diagnostics")
    found = [server.client.get(f"/api/executions/{execution_id}/{path}").text for path in paths]
    with server.client.stream("GET", f"/api/executions/{execution_id}/events") as stream:
        found.append("".join(stream.iter_text()))
    return [*found, *answers(server, execution_id), server.client.get("/api/artifacts").text]


@pytest.mark.parametrize("told_by", ["settings", "STEP_MASK:"])
def test_a_secret_is_in_nothing_that_markers_say(server: ServerProcess, told_by: str) -> None:
    (server.folder / "said").write_text(SAID.format(SECRET))
    fields = {"secret_environment": {"KEY": SECRET}} if told_by == "settings" else {}
    before = "" if fields else f'echo "{told_by}$(cut -c1- secret)"; '
    (server.folder / "secret").write_text(SECRET)
    server_id = server.create(f"{before}cat said; until test -e go; do sleep 0.02; done", **fields)
    eventually(lambda: server.execution(server_id)["execution"]["diagnostics"])
    live: list[str] = []
    with connect(f"{server.url.replace('http', 'ws')}/ws") as socket:
        wanted = {"type": "subscribe", "execution_id": server_id, "cursor": "0:0"}
        socket.send(json.dumps(wanted))
        with server.client.stream("GET", f"/api/executions/{server_id}/events") as stream:
            for piece in stream.iter_text():
                live.append(piece)
                (server.folder / "go").touch()
        heard = [""]
        while "log_complete" not in heard[-1]:
            heard.append(str(socket.recv(30)))
    server.ended(server_id)
    told = [*live, *heard, *said_everywhere(server, server_id)]
    assert not [text for text in told if SECRET in text]
    assert "***" in told[0]
    own = [name for name in files_with(SECRET, server.folder) if name not in ("said", "secret")]
    assert own == []


def test_a_secret_that_the_command_spells_out_is_not_kept(server: ServerProcess) -> None:
    fields = {
        "name": f"with {SECRET}",
        "tags": [SECRET],
        "metadata": {"deep": [SECRET]},
        "environment": {"URL": f"https://me:{SECRET}@host"},
        "secret_environment": {"KEY": SECRET},
    }
    execution_id = server.create(f'test "{SECRET}" = "$KEY" && echo "$URL"', **fields)
    ended = server.ended(execution_id)["execution"]
    assert ended["status"] == "completed"
    assert ended["environment"] == {"URL": "https://me:***@host"}
    assert not [text for text in answers(server, execution_id) if SECRET in text]
    again = server.client.post(
        f"/api/executions/{execution_id}/rerun", json={"secret_environment": {"KEY": SECRET}}
    )
    assert (again.status_code, again.json()["field"]) == (422, "command")


def test_a_secret_is_in_no_word_of_an_end(server: ServerProcess) -> None:
    fields: dict[str, Any] = {"secret_environment": {"KEY": SECRET}}
    execution_id = server.create([f"./{SECRET}"], **fields)
    assert server.ended(execution_id)["execution"]["outcome"]["kind"] == "could_not_start"
    stopped = server.create(
        f'echo "STEP_START:{SECRET} [stop_on_error=true]"; echo STEP_ERROR:x; sleep 9', **fields
    )
    assert server.ended(stopped)["execution"]["outcome"]["kind"] == "stopped_on_error"
    for one in (execution_id, stopped):
        assert not [text for text in answers(server, one) if SECRET in text]


FORMS = {
    "base64": 'printf %s "$KEY" | base64',
    "base64 within": "printf 'user:%s' \"$KEY\" | base64",
    "base64 url": "printf 'u:%s' \"$KEY\" | base64 | tr '+/' '-_'",
    "json": "python3 -c 'import json,os; print(json.dumps(os.environ[\"KEY\"]))'",
    "uri": "python3 -c 'import os,urllib.parse as u; print(u.quote(os.environ[\"KEY\"]))'",
    "xml": "python3 -c 'import os,html; print(html.escape(os.environ[\"KEY\"]))'",
    "shell": 'bash -c \'printf "%q\\n" "$KEY"\'',
    "in two writes": 'printf %.5s "$KEY"; sleep 0.1; printf \'%s\\n\' "${KEY#?????}"',
    "its second line": "printf '%s\\n' \"$KEY\" | tail -1",
}
ODD = "p@ss/w\u00f6rd&<\"x'>\nsecond line of it"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_a_secret_was_turned_into_is_masked_too(served_once: ServerProcess, form: str) -> None:
    execution_id = served_once.create(form, secret_environment={"KEY": ODD})
    execution = served_once.ended(execution_id)["execution"]
    assert execution["status"] == "completed"
    text = served_once.text(execution_id).decode()
    left = text.replace("*", "").strip()
    assert len(left) <= 8, text
    assert "*" in text


def test_too_short_a_secret_is_a_diagnostic(served_once: ServerProcess) -> None:
    execution_id = served_once.create("echo STEP_MASK:ab; echo ::add-mask::; echo absolutely")
    ended = served_once.ended(execution_id)
    assert [d["code"] for d in ended["diagnostics"]] == ["empty_mask", "empty_mask"]
    assert b"absolutely" in served_once.text(execution_id)


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
