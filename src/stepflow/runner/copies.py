"""The copies of one execution's artifacts: begun at their markers, tried again at the end."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path

from stepflow.events import AnyEvent, ArtifactMarked
from stepflow.feed import ArtifactUpdate
from stepflow.model import Artifact, ArtifactState, artifact_id, step_id
from stepflow.runner.seams import Seams


class Copies:
    """`begun` makes a task whose failure its runner hears of."""

    def __init__(
        self,
        seams: Seams,
        execution_id: str,
        working_directory: Path,
        begun: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
    ) -> None:
        self._seams = seams
        self._execution_id = execution_id
        self._working_directory = working_directory
        self._begun = begun
        self._running: set[asyncio.Task[None]] = set()
        self._may_wait = False

    def may_wait(self) -> None:
        """A server before this one may have left artifacts waiting."""
        self._may_wait = True

    def wanted(self, events: Sequence[AnyEvent], now: datetime) -> list[Artifact]:
        """The artifacts that these events ask for, none of them copied yet."""
        return [self._waiting(e, now) for e in events if isinstance(e, ArtifactMarked)]

    def _waiting(self, marked: ArtifactMarked, now: datetime) -> Artifact:
        index = marked.index
        return Artifact(
            id=artifact_id(self._execution_id, marked.number),
            execution_id=self._execution_id,
            step_id=None if index is None else step_id(self._execution_id, index),
            name=marked.name or marked.path,
            description=marked.description,
            created_at=marked.at or now,
            source_path=marked.path,
            line=marked.log_line,
            state=ArtifactState.WAITING,
        )

    def begin(self, artifacts: Sequence[Artifact]) -> None:
        """Copy what was recorded as wanted."""
        for artifact in artifacts:
            self._may_wait = True
            self._copy(artifact)

    async def finish(self) -> None:
        """See all copies through; what was not there at its marker gets its last try."""
        if not self._may_wait:
            return
        while self._running:
            await asyncio.gather(*self._running)
        for artifact in await self._seams.store.artifacts(self._execution_id):
            if artifact.state is ArtifactState.WAITING:
                await self._copy(artifact, is_last_try=True)

    def _copy(self, artifact: Artifact, *, is_last_try: bool = False) -> asyncio.Task[None]:
        task = self._begun(self._copied(artifact, is_last_try))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _copied(self, artifact: Artifact, is_last_try: bool) -> None:
        kept = await asyncio.get_running_loop().run_in_executor(
            self._seams.copying,
            lambda: self._seams.artifacts.keep(
                artifact, working_directory=self._working_directory, is_last_try=is_last_try
            ),
        )
        store = self._seams.store
        await self._seams.insist(self._execution_id, lambda: store.keep_artifact(kept))
        self._seams.feed.publish(ArtifactUpdate(self._execution_id, kept))
