import http.server
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from documents import ROOT
from eventually import eventually
from server_process import ServerProcess, free_port

SCRIPT = ROOT / "scripts/performance_test.py"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
measuring = SimpleNamespace(**runpy.run_path(str(SCRIPT)))


def measured(
    url: str, *arguments: str, python: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *python, str(SCRIPT), "--seconds=0.3", "--url", url, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def execution(start: float, end: float, status: str = "completed") -> dict[str, Any]:
    return {
        "status": status,
        "started_at": (NOON + timedelta(seconds=start)).isoformat(),
        "completed_at": (NOON + timedelta(seconds=end)).isoformat(),
        "total_steps": 9,
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.mark.parametrize(("slow", "passes"), [(0, True), (4, True), (6, False), (60, False)])
def test_one_slow_answer_in_twenty_is_too_many(slow: int, passes: bool) -> None:
    check = measuring.judge_answers("/api/health", [1.0] * (100 - slow) + [9.0] * slow)
    assert check.passed is passes


def test_executions_one_after_another_were_never_at_once() -> None:
    check = measuring.judge_concurrency([execution(n, n + 1) for n in range(25)])
    assert (check.measured, check.passed) == (1, False)


def test_twenty_at_once_are_enough_and_nineteen_are_not() -> None:
    for count in (19, 20):
        check = measuring.judge_concurrency([execution(n / 100, 2) for n in range(count)])
        assert (check.measured, check.passed) == (count, count == 20)


def test_one_failed_execution_fails_the_concurrency() -> None:
    ran = [execution(0, 2) for _ in range(24)]
    assert measuring.judge_concurrency(ran).passed
    assert not measuring.judge_concurrency([*ran, execution(0, 2, "failed")]).passed


def test_only_records_that_the_database_has_count() -> None:
    ran = [execution(0, 1) for _ in range(100)]
    assert measuring.judge_rate(ran, growth=1000, seconds=1).measured == 1000
    assert measuring.judge_rate(ran, growth=400, seconds=1).measured == 400
    # Others' records are not ours.
    assert measuring.judge_rate(ran, growth=9000, seconds=1).measured == 1000


def test_five_hundred_a_second_must_be_passed_without_a_failure() -> None:
    ran = [execution(0, 1) for _ in range(100)]
    assert measuring.judge_rate(ran, growth=1000, seconds=1.9).passed
    assert not measuring.judge_rate(ran, growth=1000, seconds=2).passed
    failing = [*ran, execution(0, 1, "failed")]
    assert not measuring.judge_rate(failing, growth=1000, seconds=1).passed


def test_it_measures_a_server_says_the_verdict_and_leaves_nothing(server: ServerProcess) -> None:
    kept = server.create("echo kept")
    server.ended(kept)
    done = measured(server.url, "--json")
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert len(found["checks"]) == 6
    assert found["passed"] is all(check["passed"] for check in found["checks"])
    assert done.returncode == (0 if found["passed"] else 1)
    left = server.client.get("/api/executions").json()["executions"]
    assert [one["id"] for one in left] == [kept]


def test_a_verdict_below_the_expectation_exits_with_one(server: ServerProcess) -> None:
    with ServerProcess(server.folder / "slow", STEPFLOW_MAX_RUNNING="7") as slow:
        done = measured(slow.url, python=("-S",))
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "at once" in line]
    assert "7 at once" in line
    assert "FAIL" in line


def test_it_removes_what_it_made_when_it_is_stopped(server: ServerProcess) -> None:
    running = subprocess.Popen(
        [sys.executable, str(SCRIPT), "--url", server.url], stderr=subprocess.PIPE, text=True
    )
    eventually(lambda: not server.are_all_ended())
    running.send_signal(signal.SIGTERM)
    assert "removed" in running.communicate(timeout=60)[1]
    assert running.returncode == 130
    left = server.client.get("/api/executions").json()["executions"]
    assert [one for one in left if "performance-test" in " ".join(one["tags"])] == []


def test_a_request_that_was_interrupted_does_not_spoil_the_next() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        asked = measuring.Server(f"http://127.0.0.1:{listening.getsockname()[1]}", None)

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(KeyboardInterrupt):
                asked.ask("GET", "/slow")
        finally:
            signal.signal(signal.SIGALRM, before)
        listening.accept()[0].close()

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        assert asked.ask("GET", "/next") == (200, {})
        answering.join()


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "localhost", "ftp://localhost"])
def test_without_a_server_it_says_so_in_one_line(url: str) -> None:
    done = measured(url.format(port=free_port()))
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert ("no server answers" in line and "stepflow serve" in line) or "is not an address" in line


def test_something_else_that_answers_is_named() -> None:
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=other.serve_forever).start()
    done = measured(f"http://127.0.0.1:{other.server_port}")
    other.shutdown()
    other.server_close()
    assert done.returncode == 2
    assert "is not StepFlow Monitor" in done.stderr


def test_the_key_comes_from_the_environment(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, STEPFLOW_API_KEY="a key") as server:
        refused = measured(server.url, STEPFLOW_API_KEY="")
        let_in = measured(server.url, "--json", STEPFLOW_API_KEY="a key")
    assert refused.returncode == 2
    assert "set STEPFLOW_API_KEY" in refused.stderr
    assert let_in.returncode in (0, 1)
