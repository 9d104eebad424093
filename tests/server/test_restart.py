"""A restart in place, seen by clients that never stop asking."""

import http.client
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventually import eventually
from server_process import ServerProcess

RESTARTS = 4


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path) as served:
        yield served


class Asking(threading.Thread):
    """Asks for the list again and again: on a new connection each time, or on one that it keeps
    as long as it may. `failures` are the requests that got no answer."""

    def __init__(self, port: int, *, keeps_connection: bool) -> None:
        super().__init__()
        self.failures: list[str] = []
        self.answers = 0
        self._port = port
        self._keeps_connection = keeps_connection
        self._is_over = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self._is_over.is_set():
            try:
                connection.request("GET", "/api/executions?limit=1")
                answer = connection.getresponse()
                answer.read()
                self.answers += answer.status == 200
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if not self._keeps_connection:
                connection.close()
        connection.close()

    def stop(self) -> None:
        self._is_over.set()
        self.join()


def restart(served: ServerProcess, times: int) -> None:
    assert served.process is not None
    for count in range(1, times + 1):
        served.process.send_signal(signal.SIGHUP)
        eventually(lambda n=count: served.log.count("serving version") > n, within=60)  # type: ignore[misc]


@pytest.mark.crash
@pytest.mark.parametrize("keeps_connection", [False, True])
def test_not_one_request_fails_while_the_server_replaces_itself(
    served: ServerProcess, keeps_connection: bool
) -> None:
    clients = [Asking(served.port, keeps_connection=keeps_connection) for _ in range(4)]
    for client in clients:
        client.start()
    restart(served, RESTARTS)
    for client in clients:
        client.stop()
    assert [failure for client in clients for failure in client.failures] == []
    assert all(client.answers > RESTARTS for client in clients)


@pytest.mark.crash
def test_a_client_that_waits_for_an_end_is_answered_early_by_a_restart(
    served: ServerProcess,
) -> None:
    answers: list[int] = []

    def wait() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        connection.request(
            "POST", "/api/executions?wait=50s", b'{"command": "sleep 30"}',
            {"Content-Type": "application/json"},
        )  # fmt: skip
        answers.append(connection.getresponse().status)
        connection.close()

    waiting = threading.Thread(target=wait)
    waiting.start()
    eventually(lambda: served.client.get("/api/executions/active").json()["active_executions"])
    served._hang_up()
    restart(served, 1)
    waiting.join(5)
    assert answers == [201]
