"""SIGHUP with a thousand scripts running, while clients keep connecting."""

import os
import signal
import threading
import time
from collections.abc import Iterator

from eventually import eventually
from ground import Ground
from http_load import Connection
from many_scripts import started
from recovery import attached
from row import Row, at_most


class Callers(threading.Thread):
    """A new connection for each request, one after the other, until told to stop."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.refusals: list[str] = []
        self.waits: list[float] = []
        self.is_stopped = False
        self._port = port

    def run(self) -> None:
        while not self.is_stopped:
            began = time.monotonic()
            try:
                connection = Connection(self._port)
                status, _ = connection.ask("GET", "/api/health")
                connection.close()
            except OSError as error:
                self.refusals.append(repr(error))
            else:
                if status != 200:
                    self.refusals.append(str(status))
            self.waits.append(time.monotonic() - began)
            time.sleep(0.01)


def rows(ground: Ground) -> Iterator[Row]:
    with ground.server("restart") as server, started(ground, server) as many:
        callers = [Callers(server.port) for _ in range(4)]
        for caller in callers:
            caller.start()
        time.sleep(1)
        calm = max(wait for caller in callers for wait in caller.waits)
        asked = time.monotonic()
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: server.log.count("restarting in place") == 1, within=60)
        replaced = time.monotonic()
        # The image before has let go of all logs when it says that.
        eventually(lambda: attached(server) == len(many.ids), within=60)
        all_attached = time.monotonic() - replaced
        eventually(lambda: server.log.count("serving") == 2, within=60)
        time.sleep(1)
        for caller in callers:
            caller.is_stopped = True
        for caller in callers:
            caller.join()
        written = many.end()
        complaints = server.complaints()
    refusals = [refusal for caller in callers for refusal in caller.refusals]
    requests = sum(len(caller.waits) for caller in callers)
    yield Row(
        name="restart.refused",
        value=len(refusals),
        unit=f"of {requests} requests",
        goal=at_most(0),
        note="; ".join([*refusals[:3], *complaints[:3]]),
    )
    yield Row(
        name="restart.longest_wait",
        value=max(wait for caller in callers for wait in caller.waits),
        unit="s for one request",
        against=calm,
        beside="s before",
        note=f"the new code was checked for {replaced - asked:.2f} s before",
    )
    yield Row(
        name="restart.attached",
        value=all_attached,
        unit=f"s from replacing to {len(many.ids)} attached",
        goal=at_most(1.0),
    )
    yield Row(
        name="restart.lost_lines",
        value=written.lost,
        unit=f"lines of {written.lines:,}",
        goal=at_most(0),
    )
