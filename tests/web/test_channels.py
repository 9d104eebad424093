import asyncio
import struct
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepflow.feed import MOST_FRESH_BYTES, Fresh, LogGrown
from stepflow.model import Execution, Status
from stepflow.transcript import Transcript
from stepflow.web.live import MOST_LINES, Channel
from stepflow.web.messages import Outgoing

CHUNKS = st.lists(
    st.one_of(
        st.sampled_from([b"\n", b"one\n", b"\nrest", b"\xc3", b"\xa4", b"\xf0\x9f\x98", b"\x80"]),
        st.binary(min_size=1, max_size=8),
    ),
    max_size=12,
)


class Heard:
    """A watcher with room for everything."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []

    def deliver(self, message: Outgoing) -> None:
        self.messages.append(message)

    async def room(self) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def said(self) -> list[object]:
        return [msgspec.to_builtins(message.data) for message in self.messages]


class Log:
    """A growing log and its channel. `reads` counts how often the file was opened for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.size = self.chunks = self.reads = 0
        (folder / "log").touch()
        self.execution = Execution(
            id="a", name="n", command="c", created_at=datetime.now(UTC), status=Status.RUNNING
        )
        self.channel = Channel(self._open, self.execution)

    def _open(self, _: Execution) -> Transcript:
        self.reads += 1
        return Transcript.open(self.folder)

    def write(self, chunk: bytes) -> LogGrown:
        """The news that the log has grown by this chunk, at its own time."""
        self.chunks += 1
        with (self.folder / "time.idx").open("ab") as times:
            times.write(struct.pack("<Qq", self.size, self.chunks))
        with (self.folder / "log").open("ab") as log:
            log.write(chunk)
        self.size += len(chunk)
        return LogGrown("a", self.size, 0, (Fresh(chunk, self.chunks),))


def without_bytes(growth: LogGrown) -> LogGrown:
    return msgspec.structs.replace(growth, fresh=())


def joined(growths: list[LogGrown]) -> LogGrown:
    first, *others = growths
    for other in others:
        first = first.then(other)
    return first


async def heard(passes: list[list[tuple[bytes, bool]]], *, fresh: bool) -> list[object]:
    """What a watcher hears of a log that grows by so many chunks in each pass of the hub; a
    chunk's bytes come with the news, where it says so and all news may carry bytes."""
    with TemporaryDirectory() as folder:
        log, watcher = Log(Path(folder)), Heard()
        await log.channel.follow(watcher, "0:0")
        for chunks in passes:
            news = [(log.write(chunk), carried and fresh) for chunk, carried in chunks]
            log.channel.grow(joined([n if carried else without_bytes(n) for n, carried in news]))
            await read(log.channel)
        log.channel.complete(msgspec.structs.replace(log.execution, status=Status.COMPLETED))
        await read(log.channel)
        return watcher.said


async def read(channel: Channel) -> None:
    """Until the file is read, if it has to be."""
    while channel._reading is not None:
        await asyncio.sleep(0)


@settings(deadline=None)
@given(CHUNKS, st.data())
def test_bytes_in_the_news_give_the_same_messages_as_the_file(
    chunks: list[bytes], data: st.DataObject
) -> None:
    passes: list[list[tuple[bytes, bool]]] = []
    for chunk in chunks:
        if not passes or data.draw(st.booleans(), label="new pass"):
            passes.append([])
        passes[-1].append((chunk, data.draw(st.booleans(), label="carried")))
    expected = asyncio.run(heard(passes, fresh=False))
    assert asyncio.run(heard(passes, fresh=True)) == expected


@pytest.mark.parametrize("lines", [1, MOST_LINES, MOST_LINES + 1, MOST_FRESH_BYTES // 2])
def test_many_lines_at_once_are_told_and_not_sent_either_way(lines: int) -> None:
    passes = [[(b"1\n" * lines, True)], [(b"end", True)]]
    said = asyncio.run(heard(passes, fresh=True))
    assert said == asyncio.run(heard(passes, fresh=False))
    assert [message["lagged"] for message in said[:2]] == [lines > MOST_LINES, False]  # type: ignore[index]


def test_the_file_is_opened_only_where_the_news_lacks_something(tmp_path: Path) -> None:
    async def reads() -> list[int]:
        log, counts = Log(tmp_path), []
        await log.channel.follow(Heard(), "end")
        for growth in (
            log.write(b"one\n"),
            log.write(b"two \xc3"),
            log.write(b"\xa4\n"),
            without_bytes(log.write(b"three\n")),
            log.write(b"four\n"),
        ):
            log.channel.grow(growth)
            await read(log.channel)
            counts.append(log.reads)
        return counts

    assert asyncio.run(reads()) == [1, 1, 2, 3, 3]


def test_news_of_bytes_that_were_read_already_says_nothing(tmp_path: Path) -> None:
    async def said() -> list[object]:
        log, watcher = Log(tmp_path), Heard()
        first, second = log.write(b"one\n"), log.write(b"two\n")
        await log.channel.follow(watcher, "end")
        for growth in (without_bytes(second), first, second):
            log.channel.grow(growth)
            await read(log.channel)
        return watcher.said

    [message] = asyncio.run(said())
    assert [text for text, _ in message["lines"]] == ["one", "two"]  # type: ignore[index]


def test_bytes_that_come_while_the_file_is_read_wait_for_it(tmp_path: Path) -> None:
    async def said() -> list[object]:
        log, watcher = Log(tmp_path), Heard()
        await log.channel.follow(watcher, "end")
        log.channel.grow(without_bytes(log.write(b"large " * 50_000 + b"\n")))
        await asyncio.sleep(0)
        log.channel.grow(log.write(b"next\n"))
        await read(log.channel)
        return watcher.said

    texts = [text for message in asyncio.run(said()) for text, _ in message["lines"]]  # type: ignore[index]
    assert texts == ["large " * 50_000, "next"]


def test_a_reader_that_is_ahead_joins_where_it_is(tmp_path: Path) -> None:
    async def said() -> list[object]:
        log, watcher = Log(tmp_path), Heard()
        growth = log.write(b"one\ntwo\nthree\n")
        await log.channel.follow(watcher, "1:1")
        log.channel.grow(growth)
        return watcher.said

    [message] = asyncio.run(said())
    assert (message["first_line"], message["first_byte"]) == (1, 1)  # type: ignore[index]
    assert [text for text, _ in message["lines"]] == ["wo", "three"]  # type: ignore[index]
