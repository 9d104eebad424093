"""The least that could answer: two Starlette routes on uvicorn, one of them reading SQLite.

Run as a program it is that server; imported, it starts one.
"""

import socket
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eventually import eventually
from http_load import Connection

LISTED = "SELECT * FROM executions ORDER BY seq DESC LIMIT 10"


class BareServer:
    def __init__(self, folder: Path, database: Path | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._folder = folder
        self._arguments = [str(self.port), *([str(database)] if database else [])]

    def __enter__(self) -> Self:
        search = ":".join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [sys.executable, __file__, *self._arguments],
            cwd=self._folder,
            env={"PYTHONPATH": search},
            stdin=subprocess.DEVNULL,
        )
        eventually(self._answers, within=30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "the bare server ended"
        with suppress(OSError):
            connection = Connection(self.port)
            status, _ = connection.ask("GET", "/health")
            connection.close()
            return status == 200
        return False


def _application(database: str | None) -> Starlette:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True) if database else None

    async def health(_: Request) -> Response:
        return Response(msgspec.json.encode({"status": "healthy"}), media_type="application/json")

    async def listed(_: Request) -> Response:
        assert connection is not None
        cursor = connection.execute(LISTED)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return Response(msgspec.json.encode({"executions": rows}), media_type="application/json")

    return Starlette(routes=[Route("/health", health), Route("/list", listed)])


if __name__ == "__main__":
    application = _application(sys.argv[2] if len(sys.argv) > 2 else None)
    uvicorn.run(application, port=int(sys.argv[1]), log_level="warning", access_log=False)
