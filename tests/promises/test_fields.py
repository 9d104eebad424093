"""Every field of an execution, from the request to the script and back."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventually import eventually
from server_process import ServerProcess

UNTIL_GO = "until test -e go; do sleep 0.02; done"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("fields"), STEPFLOW_MAX_RUNNING="4") as served:
        yield served


def outcome(served: ServerProcess, command: object, **fields: object) -> dict[str, object]:
    execution_id = served.create(command, **fields)  # type: ignore[arg-type]
    return dict(served.ended(execution_id)["execution"])


def test_what_describes_an_execution_comes_back_as_it_was_given(served: ServerProcess) -> None:
    given = {
        "name": "nightly",
        "tags": ["one", "zwei"],
        "metadata": {"ticket": 7, "deep": {"list": [1, None]}},
        "user": "ann",
        "environment": {"A": "1", "LEER": ""},
        "timeout": 12.5,
        "grace": 0.25,
        "keep_background": True,
        "max_log_bytes": 1000,
    }
    after = outcome(served, "echo $A", **given)
    assert {name: after[name] for name in given} == given
    assert after["working_directory"] == str(served.folder)


def test_a_list_is_executed_as_it_is_and_a_string_by_the_shell(served: ServerProcess) -> None:
    first = served.create(["printf", "%s|", "a b", "$HOME", ""])
    second = served.create("x=5; printf '%s' $((x + 1)) | cat")
    for execution_id, text in ((first, b"a b|$HOME||"), (second, b"6")):
        served.ended(execution_id)
        assert served.text(execution_id) == text


def test_a_timeout_is_in_seconds_and_there_is_none_by_default(served: ServerProcess) -> None:
    began = time.monotonic()
    after = outcome(served, "sleep 60", timeout=0.3)
    assert after["outcome"] == {"kind": "timed_out", "after_seconds": 0.3}
    assert time.monotonic() - began < 10
    plain = outcome(served, "true")
    assert (plain["timeout"], plain["grace"]) == (None, 10)


def test_grace_is_what_a_script_gets_to_tidy_up(served: ServerProcess) -> None:
    tidy = "trap 'sleep 0.5; echo tidied; exit 0' TERM; echo up; while :; do sleep 0.02; done"
    execution_id = served.create(tidy, grace=20)
    eventually(lambda: served.text(execution_id) == b"up\n")
    for _ in range(2):  # asking twice is no more than asking
        served.client.post(f"/api/executions/{execution_id}/cancel")
    after = served.ended(execution_id)["execution"]
    assert served.text(execution_id).endswith(b"tidied\n")
    assert after["status"] == "cancelled"


def test_a_kill_after_a_polite_request_does_not_wait(served: ServerProcess) -> None:
    execution_id = served.create("trap '' TERM; echo up; while :; do sleep 0.02; done", grace=60)
    eventually(lambda: served.text(execution_id) == b"up\n")
    served.client.post(f"/api/executions/{execution_id}/cancel")
    served.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})
    assert served.ended(execution_id, within=5)["execution"]["status"] == "cancelled"


@pytest.mark.parametrize("attempt", range(5))
def test_a_cancel_at_once_is_never_lost(served: ServerProcess, attempt: int) -> None:
    execution_id = served.create("sleep 60", grace=1)
    answer = served.client.post(f"/api/executions/{execution_id}/cancel")
    assert answer.status_code == 200
    assert served.ended(execution_id, within=8)["execution"]["status"] == "cancelled"


def test_background_processes_are_stopped_and_named_or_kept(served: ServerProcess) -> None:
    stopped = outcome(served, "sleep 61 & echo $!")
    assert "sleep" in str(stopped["survivors"])
    execution_id = served.create("sleep 62 >/dev/null 2>&1 & echo $!", keep_background=True)
    kept = served.ended(execution_id)["execution"]
    pid = int(served.text(execution_id))
    assert kept["survivors"] is None
    os.kill(pid, signal.SIGKILL)  # it lives


def test_at_its_limit_the_log_ends_and_so_does_the_script(served: ServerProcess) -> None:
    execution_id = served.create("while :; do echo 0123456789; done", max_log_bytes=5000)
    after = served.ended(execution_id)["execution"]
    assert (after["status"], after["outcome"]["kind"]) == ("failed", "log_limit")
    assert len(served.text(execution_id)) == 5000 == after["log_bytes"]


def test_a_terminal_is_one_and_has_its_size(served: ServerProcess) -> None:
    execution_id = served.create("test -t 0 && test -t 1 && stty size", tty=True, window=[33, 99])
    assert served.ended(execution_id)["execution"]["exit_code"] == 0
    assert served.text(execution_id) == b"33 99\n"


def test_input_that_comes_before_the_script_reads_it_is_not_refused(served: ServerProcess) -> None:
    execution_id = served.create(["cat"], stdin=True)
    path = f"/api/executions/{execution_id}/input"
    type_ = {"content-type": "application/octet-stream"}
    answer = served.client.post(path, content=b"hello\n", headers=type_)
    assert answer.status_code == 200, answer.text
    served.ended(execution_id)
    assert served.text(execution_id) == b"hello\n"


def test_a_script_with_an_input_runs_at_once_and_waits_through_a_crash_of_the_server(
    served: ServerProcess,
) -> None:
    execution_id = served.create(
        "echo ready; read line; echo got $line; read line || echo over", stdin=True
    )
    eventually(lambda: served.text(execution_id) == b"ready\n")
    served.kill()
    served.start()
    assert served.execution(execution_id)["execution"]["status"] == "running"
    path = f"/api/executions/{execution_id}/input"
    type_ = {"content-type": "application/octet-stream"}
    assert served.client.post(path, content=b"it\n", headers=type_).status_code == 200
    served.ended(execution_id)
    assert served.text(execution_id) == b"ready\ngot it\nover\n"


def test_the_queue_keeps_its_order_and_tells_the_places(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "served", STEPFLOW_MAX_RUNNING="1") as one_at_a_time:
        first = one_at_a_time.create(UNTIL_GO)
        waiting = [one_at_a_time.create(f"echo {n} >> order") for n in range(4)]

        def places() -> list[int]:
            active = one_at_a_time.client.get("/api/executions/active").json()
            return [e["queue_place"] for e in active["active_executions"]]

        assert places() == [None, 1, 2, 3, 4]
        cancelled = one_at_a_time.client.post(f"/api/executions/{waiting[1]}/cancel")
        assert cancelled.json()["execution"]["status"] == "cancelled"
        assert places() == [None, 1, 2, 3]
        one_at_a_time.kill()
        one_at_a_time.start()
        assert places() == [None, 1, 2, 3]
        (one_at_a_time.folder / "go").touch()
        eventually(one_at_a_time.are_all_ended, within=20)
        assert (one_at_a_time.folder / "order").read_text().split() == ["0", "2", "3"]
        assert one_at_a_time.ended(first)["execution"]["status"] == "completed"


def test_who_waits_in_the_queue_is_told_when_it_starts(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "served", STEPFLOW_MAX_RUNNING="1") as one_at_a_time:
        one_at_a_time.create("echo STEP_PROGRESS:1%; sleep 60")
        waiting = one_at_a_time.create("true")

        def starts_in() -> float | None:
            return one_at_a_time.execution(waiting)["execution"]["starts_in_seconds"]

        eventually(lambda: starts_in() is not None)
        listed = one_at_a_time.client.get("/api/executions?status=pending").json()["executions"]
        assert listed[0]["starts_in_seconds"] > 0


def test_who_waits_for_a_queued_execution_hears_of_its_cancellation(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "served", STEPFLOW_MAX_RUNNING="1") as one_at_a_time:
        one_at_a_time.create("sleep 60")
        answers: list[object] = []

        def wait() -> None:
            body = {"command": "true", "name": "waited for"}
            answer = one_at_a_time.client.post("/api/executions?wait=50s", json=body)
            answers.append(answer.json()["status"])

        waiting = threading.Thread(target=wait)
        waiting.start()
        listed = "/api/executions?name=waited+for"
        found = eventually(lambda: one_at_a_time.client.get(listed).json()["executions"])
        one_at_a_time.client.post(f"/api/executions/{found[0]['id']}/cancel")
        waiting.join(10)
        assert answers == ["cancelled"]


def test_a_rerun_repeats_everything_but_the_secrets(served: ServerProcess) -> None:
    first = served.create("echo $A", environment={"A": "7"}, tags=["t"], timeout=30, grace=2)
    served.ended(first)
    again = served.client.post(f"/api/executions/{first}/rerun").json()["id"]
    before, after = served.ended(first)["execution"], served.ended(again)["execution"]
    same = ("command", "environment", "tags", "timeout", "grace", "working_directory", "name")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert served.text(again) == b"7\n"


def test_cpu_and_memory_of_the_script_are_kept(served: ServerProcess) -> None:
    after = outcome(served, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
    assert 0.01 < float(str(after["cpu_seconds"])) < 30
    assert int(str(after["memory_peak_bytes"])) > 100_000


def test_a_signal_is_told_as_a_signal(served: ServerProcess) -> None:
    after = outcome(served, "kill -9 $$")
    assert (after["exit_code"], after["outcome"]) == (137, {"kind": "killed", "signal": 9})
