"""A real supervisor over a real store in a temporary folder, as the server builds it."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from stepflow.artifacts import ArtifactFolder
from stepflow.feed import Feed
from stepflow.model import Execution, NewExecution
from stepflow.process import find_pump
from stepflow.store import SqliteStore, open_sqlite
from stepflow.supervisor import Rules, Supervisor

Result = TypeVar("Result")


class Floor:
    """A storage folder on which supervisors come and go, as servers do."""

    def __init__(self, path: Path) -> None:
        self.work = path / "work"
        self.storage = path / "storage"
        self.rules = Rules(find_pump(), dict(os.environ), archive_after_seconds=0.0)
        for folder in (self.work, self.storage / "database", self.storage / "executions"):
            folder.mkdir(parents=True)
        (self.storage / "server.lock").touch()

    @asynccontextmanager
    async def opened(self, **rules: Any) -> AsyncIterator[tuple[Supervisor, SqliteStore]]:
        store = await open_sqlite(self.storage / "database/stepflow.db")
        artifacts = ArtifactFolder(self.storage / "artifacts")
        changed = Rules(**{**vars(self.rules), **rules})
        supervisor = Supervisor(self.storage, store, Feed(), artifacts, changed)
        await supervisor.recover()
        try:
            yield supervisor, store
        finally:
            await supervisor.stop(scripts_too=False)
            await store.close()

    async def run(self, supervisor: Supervisor, command: str, **fields: Any) -> Execution:
        """Create an execution in the work folder and wait for its end."""
        wanted = {"command": command, "working_directory": str(self.work), **fields}
        created = await supervisor.create(msgspec.convert(wanted, NewExecution))
        return await supervisor.wait(created.id, timedelta(seconds=30))

    def on(
        self, act: Callable[[Supervisor, SqliteStore], Awaitable[Result]], **rules: Any
    ) -> Result:
        """Open a supervisor, do one thing with it, close it."""

        async def inside() -> Result:
            async with self.opened(**rules) as (supervisor, store):
                return await act(supervisor, store)

        return asyncio.run(inside())

    def result(self, command: str, **fields: Any) -> Execution:
        return self.on(lambda supervisor, _: self.run(supervisor, command, **fields))

    def text(self, execution: Execution) -> bytes:
        """The whole transcript, as a reader gets it."""

        async def read(supervisor: Supervisor, _: SqliteStore) -> bytes:
            with supervisor.open_transcript(execution) as transcript:
                return transcript.read(0, transcript.size_bytes)

        return self.on(read)
