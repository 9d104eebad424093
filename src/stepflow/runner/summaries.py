"""The files that a script names as its summary: read at the marker, else once more at the end."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from stepflow.events import AnyEvent, Summary
from stepflow.feed import SummaryUpdate
from stepflow.runner.seams import Seams
from stepflow.store import SummaryRow
from stepflow.transcript import Masks

_NOT_YET = "is not there yet"


class SummaryFiles:
    """`masks` gives the secrets that are known by now: a script tells of more as it runs."""

    def __init__(
        self,
        seams: Seams,
        execution_id: str,
        working_directory: Path,
        masks: Callable[[], Masks],
    ) -> None:
        self._seams = seams
        self._execution_id = execution_id
        self._working_directory = working_directory
        self._masks = masks
        self._may_wait = False

    def may_wait(self) -> None:
        """A server before this one may have met files that were not there yet."""
        self._may_wait = True

    async def read(self, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """The events, each summary of a file with what is in there."""
        if not any(isinstance(event, Summary) for event in events):
            return list(events)
        return [
            await self._read(event) if isinstance(event, Summary) and event.path else event
            for event in events
        ]

    async def _read(self, event: Summary) -> Summary:
        text, truncated, problem = await self._content(event.path or "")
        if text is None and problem is None:
            self._may_wait = True
            problem = f"{event.path} {_NOT_YET}"
        return msgspec.structs.replace(event, markdown=text, truncated=truncated, problem=problem)

    async def finish(self) -> None:
        """Look once more for what was not there."""
        if not self._may_wait:
            return
        store = self._seams.store
        for row in await store.summaries(self._execution_id):
            if row.path and row.markdown is None and (row.problem or "").endswith(_NOT_YET):
                kept = await self._read_again(row)
                await self._seams.insist(self._execution_id, partial(store.keep_summary, kept))
                event = Summary(
                    index=row.step_index,
                    markdown=kept.markdown,
                    path=kept.path,
                    problem=kept.problem,
                    truncated=kept.truncated,
                )
                self._seams.feed.publish(SummaryUpdate(self._execution_id, event))

    async def _read_again(self, row: SummaryRow) -> SummaryRow:
        text, truncated, problem = await self._content(row.path or "")
        if text is None and problem is None:
            problem = f"{row.path} was never there"
        return msgspec.structs.replace(row, markdown=text, truncated=truncated, problem=problem)

    async def _content(self, path: str) -> tuple[str | None, bool, str | None]:
        """The text and whether it is cut, or why there is none; neither: there is no such file."""
        read = partial(self._seams.artifacts.text, path, working_directory=self._working_directory)
        # Not where artifacts are copied: the log is not read on meanwhile.
        text, truncated, problem = await asyncio.to_thread(read)
        hidden = self._masks().mask_text
        return (
            None if text is None else hidden(text),
            truncated,
            None if problem is None else hidden(problem),
        )
