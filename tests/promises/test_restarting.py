"""SIGTERM, SIGHUP and a private server that becomes public: nobody is refused, nothing is lost."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

import stepflow
from eventually import eventually
from server_process import ServerProcess
from stepflow.server.storage import owner_of

UNTIL_GO = "until test -e go; do sleep 0.02; done"


class Callers:
    """Clients that ask without a pause, each request on a connection of its own or on one kept."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_over = threading.Event()
        self.answered = 0
        self.refused: list[str] = []
        self._threads = [
            threading.Thread(target=self._ask, args=(is_kept,)) for is_kept in (True, False)
        ]

    def _ask(self, is_kept: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if is_kept else 0)
        with httpx.Client(limits=limits, timeout=30) as client:
            while not self._is_over.wait(0.005):
                try:
                    answer = client.get(f"{self._url}/api/executions?limit=1")
                    self.answered += answer.status_code == 200
                    if answer.status_code != 200:
                        self.refused.append(str(answer.status_code))
                except httpx.ConnectError as error:
                    self.refused.append(repr(error))
                except httpx.TransportError as error:
                    # A kept connection may be closed while a request is on its way: HTTP's race.
                    if not is_kept:
                        self.refused.append(repr(error))

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()


def restarts(served: ServerProcess) -> int:
    return served.log.count("restarting in place")


def test_a_restart_in_place_refuses_no_request(server: ServerProcess) -> None:
    assert server.process is not None
    execution_id = server.create("i=0; until test -e go; do echo $((i=i+1)); sleep 0.01; done")
    with Callers(server.url) as callers:
        for count in (1, 2, 3):
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda n=count: restarts(server) == n, within=90)  # type: ignore[misc]
            before = callers.answered
            eventually(lambda n=before: callers.answered > n + 20, within=90)  # type: ignore[misc]
    assert callers.refused == []
    assert server.process.poll() is None
    (server.folder / "go").touch()
    server.ended(execution_id)
    lines = server.text(execution_id).split()
    assert lines == [b"%d" % (n + 1) for n in range(len(lines))]


def test_a_restart_that_is_asked_for_during_a_restart_happens_too(server: ServerProcess) -> None:
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: restarts(server) == 1, within=90)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: restarts(server) == 2, within=90)
    eventually(lambda: server.client.get("/api/health").status_code == 200)
    assert server.process.poll() is None


def test_a_wrong_setting_in_the_env_file_is_refused_and_the_server_goes_on(
    server: ServerProcess,
) -> None:
    assert server.process is not None
    (server.folder / ".env").write_text("STEPFLOW_MAX_RUNNING=none\n")
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: "restart refused" in server.log, within=60)
    assert "STEPFLOW_MAX_RUNNING" in server.log
    assert restarts(server) == 0
    assert server.client.get("/api/health").status_code == 200
    (server.folder / ".env").write_text("STEPFLOW_LOG_LEVEL=DEBUG\n")
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: restarts(server) == 1, within=60)
    eventually(lambda: server.client.get("/api/health").status_code == 200)


def test_broken_new_code_is_refused_and_the_old_goes_on(tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(Path(stepflow.__file__).parent, code / "stepflow")
    served = ServerProcess(tmp_path / "served")
    served.environment["PYTHONPATH"] = str(code)
    with served:
        assert served.process is not None
        (code / "stepflow/web/app.py").write_text("def broken(:\n")
        served.process.send_signal(signal.SIGHUP)
        eventually(lambda: "restart refused" in served.log, within=60)
        assert "SyntaxError" in served.log
        assert served.client.get("/api/health").status_code == 200


def test_a_told_end_leaves_the_scripts_and_the_next_server_finds_them(
    server: ServerProcess,
) -> None:
    script = "echo one; until test -e go; do sleep 0.02; done; echo two"
    execution_id = server.create(script)
    eventually(lambda: server.text(execution_id))
    assert server.stop() == 0
    assert not (server.storage / "stepflow.sock").exists()
    (server.folder / "go").touch()
    server.start()
    assert server.ended(execution_id)["execution"]["status"] == "completed"
    assert server.text(execution_id) == b"one\ntwo\n"


def test_with_on_stop_the_scripts_end_in_time_and_say_why(tmp_path: Path) -> None:
    served = ServerProcess(tmp_path / "served", STEPFLOW_ON_STOP="stop")
    with served:
        polite = served.create("echo up; sleep 60", grace=60)
        deaf = served.create("trap '' TERM; echo up; while :; do sleep 0.05; done", grace=60)
        eventually(lambda: served.text(polite) and served.text(deaf))
        served.stop()
        served.start()
        for execution_id in (polite, deaf):
            ended = served.ended(execution_id)["execution"]
            assert ended["outcome"] == {"kind": "cancelled", "by": "shutdown"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_with_open_streams_ends_soon(server: ServerProcess, number: int) -> None:
    execution_id = server.create("sleep 60")
    with (
        httpx.Client(timeout=30) as client,
        client.stream("GET", f"{server.url}/api/executions/{execution_id}/events") as stream,
    ):
        next(stream.iter_lines())
        assert server.process is not None
        server.process.send_signal(number)
        assert server.process.wait(8) == 0
    server.start()
    server.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})
    server.ended(execution_id)


def test_a_private_server_becomes_public_with_the_same_pid(tmp_path: Path) -> None:
    served = ServerProcess(tmp_path / "served")
    running = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "stepflow",
            "run",
            "--",
            "sh",
            "-c",
            f"echo up; {UNTIL_GO}; echo end",
        ],
        env=served.environment,
        cwd=served.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    owner = eventually(lambda: owner_of(served.storage), within=60)
    with served:
        eventually(lambda: "http=" in served.log, within=60)
        assert httpx.get(f"{served.url}/api/health").status_code == 200
        now = owner_of(served.storage)
        assert now is not None
        assert (now.pid, now.is_private) == (owner.pid, False)
        (served.folder / "go").touch()
        output, _ = running.communicate(timeout=30)
        assert output == b"up\nend\n"
        assert running.returncode == 0


def test_sockets_of_systemd_are_taken_over(tmp_path: Path) -> None:
    served = ServerProcess(tmp_path / "served", STEPFLOW_PORT="1", STEPFLOW_WEBSOCKET_PORT="1")
    program = (
        "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid()); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    anywhere = ("127.0.0.1", 0)
    with socket.create_server(anywhere) as main, socket.create_server(anywhere) as ws:
        served.environment["LISTEN_FDS"] = "2"
        duplicates = [os.dup(main.fileno()), os.dup(ws.fileno())]
        move = f"import os; os.dup2({duplicates[0]}, 3); os.dup2({duplicates[1]}, 4); {program}"
        with (served.folder / "stderr").open("wb") as stderr:
            served.process = subprocess.Popen(
                [sys.executable, "-c", move, sys.executable, "-m", "stepflow", "serve"],
                env=served.environment,
                cwd=served.folder,
                stderr=stderr,
                pass_fds=duplicates,
            )
        for duplicate in duplicates:
            os.close(duplicate)
        eventually(served._answers, within=90)
        port = main.getsockname()[1]
        assert httpx.get(f"http://127.0.0.1:{port}/api/health").status_code == 200
        served.stop()
