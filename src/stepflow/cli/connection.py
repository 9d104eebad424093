"""Which server the command line speaks to, and the private one that it starts where there is none.

A private server is a session of its own: it outlives the command and leaves soon after its last
execution has ended.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from stepflow.cli.arguments import Options
from stepflow.cli.client import Client, FolderClient, Json, NoServer, UrlClient
from stepflow.config import Configuration, configuration
from stepflow.errors import StorageOwned, StorageUnusable

_START_SECONDS = 20.0
_POLL_SECONDS = 0.005
_SEEK_SECONDS = 2.0
_AWAY_SECONDS = 300.0


def configured(options: Options) -> Configuration:
    flags = {
        name: value
        for name in ("storage_path", "url")
        if (value := getattr(options, name, None)) is not None
    }
    return configuration(flags, os.environ, Path.cwd())


def client(options: Options) -> Client:
    """The client for the server that these options, the environment and the folder mean."""
    found = configured(options)
    if found.settings.url and not (options.storage_path and not options.url):
        return UrlClient(found.settings.url, found.settings.api_key)
    return FolderClient(found.storage.absolute())


def viewer(options: Options) -> Client:
    """A client for commands that look at what is there: starts a server only for a folder that
    exists, so that a mistyped path does not become an empty storage."""
    found = client(options)
    if isinstance(found, FolderClient):
        if not (found.folder / "database").is_dir():
            raise NoServer(f"there is no storage in {found.folder}: give --storage-path")
        ensure(found)
    return found


def ensure(client: Client) -> None:
    """Come back when the server answers; start a private one where none does."""
    if not isinstance(client, FolderClient) or client.answers():
        return
    _start(client)


def create(client: Client, wanted: Json) -> Json:
    """Hand an execution to the server; a private one is started where none is."""
    try:
        answer: Json = client.ask("POST", "/api/executions", wanted)
    except NoServer as error:
        if not (error.is_absent and isinstance(client, FolderClient)):
            raise
        ensure(client)
        answer = client.ask("POST", "/api/executions", wanted)
    return answer


def reviver(client: Client) -> Callable[[float], None]:
    """What a follower calls while the server is away, with the seconds that it has been."""

    def revive(away_seconds: float) -> None:
        if isinstance(client, FolderClient):
            if away_seconds > _SEEK_SECONDS:
                ensure(client)
        elif away_seconds > _AWAY_SECONDS:
            raise NoServer(f"{client.where} did not come back within {_AWAY_SECONDS:g} s")

    return revive


def _start(client: FolderClient) -> None:
    with tempfile.TemporaryFile() as complaints:
        server = _spawn(client.folder, complaints)
        give_up_at = time.monotonic() + _START_SECONDS
        while not client.answers():
            ended, status = os.waitpid(server, os.WNOHANG) if server else (0, 0)
            if ended:
                server = 0
                code = os.waitstatus_to_exitcode(status)
                if code != StorageOwned.exit_code:
                    raise StorageUnusable(_complaint(complaints, code))
            if time.monotonic() > give_up_at and not _is_taking_over(client.folder):
                raise NoServer(
                    f"no server answered for {client.folder} within {_START_SECONDS:g} s:"
                    f" see {client.folder.parent / 'logs' / 'stepflow.log'}"
                )
            time.sleep(_POLL_SECONDS)


def _is_taking_over(folder: Path) -> bool:
    """Whether a folder of the original program is being backed up or migrated, as long as that
    takes: the server says in its log how far it is."""
    halves = (folder.parent / "backups").glob(".[0-9]*_[0-9]*")
    return (folder / "database" / "migration.json").exists() or any(halves)


def _spawn(folder: Path, complaints: IO[bytes]) -> int:
    """Its own session, nothing of our terminal."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        return os.posix_spawn(
            sys.executable,
            [
                sys.executable,
                "-P",
                "-m",
                "stepflow",
                "serve",
                "--private",
                "--storage-path",
                str(folder),
            ],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, null, 1),
                (os.POSIX_SPAWN_DUP2, complaints.fileno(), 2),
            ],
            setsid=True,
        )
    finally:
        os.close(null)


def _complaint(complaints: IO[bytes], code: int) -> str:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines()
    said = lines[-1].removeprefix("stepflow serve: ") if lines else "it said nothing"
    return f"the private server could not start (exit code {code}): {said}"
