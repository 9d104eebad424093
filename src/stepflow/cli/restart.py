"""`stepflow restart`: the server of a storage folder takes up new code and settings in place.

The process that listens on the folder's socket gets SIGHUP. Its id is the kernel's word, which is
right across containers, where the number in the lock file means another process.
"""

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from stepflow.cli import connection, words
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.client import FolderClient, Json, NoServer
from stepflow.errors import Conflict, Forbidden, InvalidRequest, Unavailable

_WITHIN_SECONDS = 60.0
_POLL_SECONDS = 0.02
_REFUSED = " restart refused, "


def arguments(parser: Arguments) -> None:
    parser.add_json("what came of it")
    parser.add_argument("--storage-path", metavar="DIR", help="the storage folder of the server")
    parser.set_defaults(url=None)
    parser.epilog = (
        "Clients wait for a moment and none is refused; scripts do not notice; the process id\n"
        "stays. Exit code 1: the new code or settings do not load, so the server goes on as it was."
    )


def main(options: Options) -> int:
    client = connection.client(options)
    if not isinstance(client, FolderClient):
        raise InvalidRequest("a server elsewhere is restarted there: unset STEPFLOW_URL")
    if not client.answers():
        raise NoServer(f"no server runs for {client.folder}: stepflow serve starts one")
    before = client.ask("GET", "/api/health/status")
    log = _Log(client.folder.parent / "logs" / "stepflow.log")
    began = time.monotonic()
    _hang_up(client)
    after = _new_image(client, log, began)
    seconds = time.monotonic() - began
    answer = {
        "process": after["process_id"],
        "version_before": before["version"],
        "version": after["version"],
        "running_executions": after["running_executions"],
        "seconds": round(seconds, 3),
    }
    if options.json:
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    else:
        sys.stdout.write(_sentence(answer))
    return 0


def _sentence(answer: Json) -> str:
    old, new = answer["version_before"], answer["version"]
    version = f"version {new}" if old == new else f"version {old} → {new}"
    running = words.count(answer["running_executions"], "script")
    return (
        f"✓ restarted in {words.duration(answer['seconds'])}: {version},"
        f" process {answer['process']}, {running} running\n"
    )


def _hang_up(client: FolderClient) -> None:
    pid = client.server_process()
    if pid == 0:
        raise Conflict(
            "the server runs in a container of its own: docker kill --signal HUP CONTAINER"
        )
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError as error:
        raise Forbidden(f"process {pid} is another user's: sudo stepflow restart") from error


def _new_image(client: FolderClient, log: "_Log", began: float) -> Json:
    """The status of the server, once it is younger than the signal. Conflict says why it is not."""
    while (elapsed := time.monotonic() - began) < _WITHIN_SECONDS:
        # A connection that the old image closes is no answer.
        with suppress(NoServer):
            status: Json = client.ask("GET", "/api/health/status")
            if status["uptime_seconds"] < elapsed:
                return status
        if reason := log.refusal():
            raise Conflict(f"not restarted, the server goes on as it was: {reason}")
        time.sleep(_POLL_SECONDS)
    raise Unavailable(f"no new server within {_WITHIN_SECONDS:g} s: see {log.path}")


class _Log:
    """The server's log, from now on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def refusal(self) -> str | None:
        if not self.path.exists():
            return None
        with self.path.open(errors="replace") as opened:
            opened.seek(self._offset)
            for line in opened:
                if _REFUSED in line:
                    return line.partition(" reason=")[2].strip()
        return None
