"""What a search program gets to read of a log that it can't read itself: masked or archived.

Only pieces that hold the literal are handed on, since writing everything into a pipe costs more
than looking; offsets in what was handed on are translated back. Two threads read ahead:
decompressing releases the interpreter's lock.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

import msgspec
from ahocorasick_rs import BytesAhoCorasick

PIECE_BYTES = 1 << 20
_THREADS = 2
_READ_AHEAD = 4
# Between two parts of one line: no literal has this byte, so none is found across the gap.
_GAP = b"\xff"
_LOOK_BYTES = 4096

Blocks = Callable[[int, int], list[bytes]]


class _Piece(msgspec.Struct, frozen=True):
    offset: int
    blocks: list[bytes]
    has_literal: bool


class _Part(msgspec.Struct, frozen=True):
    """Where a run of pieces was handed on, and where the line really begins that it begins in."""

    given: int
    offset: int
    line_start: int


class Sieve:
    """Bytes `start` (where a line begins) to `end`, as `raw` reads them.

    `shown` reads the same with secrets filled; None if there are none. Without a literal all is
    handed on.
    """

    def __init__(
        self, raw: Blocks, shown: Blocks | None, start: int, end: int, literal: bytes | None
    ) -> None:
        self._raw = raw
        self._shown = shown
        self._start = start
        self._end = end
        self._literal = literal
        self._finder = None if literal is None else BytesAhoCorasick([literal])
        self._parts: list[_Part] = []

    def byte_at(self, given: int) -> int:
        """Where byte `given` of what was handed on is in the log."""
        part = self._part(given)
        return part.offset + given - part.given

    def line_at(self, given: int) -> int:
        """Where the line that begins at byte `given` of what was handed on begins in the log."""
        part = self._part(given)
        return part.line_start if given == part.given else part.offset + given - part.given

    def _part(self, given: int) -> _Part:
        return self._parts[bisect_right(self._parts, given, key=lambda part: part.given) - 1]

    def __iter__(self) -> Generator[list[bytes]]:
        """What to hand on, an empty list for each piece that holds nothing."""
        given = 0
        line_start = self._start
        given_until = given_line_start = -1
        for piece, is_wanted in self._judged():
            size = sum(map(len, piece.blocks))
            blocks = []
            if is_wanted:
                blocks = self._shown(piece.offset, size) if self._shown else piece.blocks
                if piece.offset != given_until:
                    # One line must not count twice, nor two lines become one.
                    gap = b"" if given == 0 else _GAP if line_start == given_line_start else b"\n"
                    given += len(gap)
                    self._parts.append(_Part(given, piece.offset, line_start))
                    blocks = [gap, *blocks]
                given += size
                given_until = piece.offset + size
            line_start = _last_line_start(piece, line_start)
            if is_wanted:
                given_line_start = line_start
            yield blocks

    def _judged(self) -> Iterator[tuple[_Piece, bool]]:
        """Each piece, and whether the literal is in it or crosses one of its ends."""
        kept: _Piece | None = None
        is_wanted = False
        for piece in self._pieces():
            crosses = kept is not None and self._is_in_seams([kept.blocks[-1], piece.blocks[0]])
            if kept is not None:
                yield kept, is_wanted or crosses
            kept, is_wanted = piece, piece.has_literal or crosses
        if kept is not None:
            yield kept, is_wanted

    def _pieces(self) -> Iterator[_Piece]:
        # Aligned, so that no frame of an archive is decompressed twice.
        first_end = min(self._start - self._start % PIECE_BYTES + PIECE_BYTES, self._end)
        starts = [self._start, *range(first_end, self._end, PIECE_BYTES)]
        with ThreadPoolExecutor(_THREADS, "search-read") as pool:
            ahead: deque[Future[_Piece]] = deque()
            try:
                for start, end in pairwise([*starts, self._end]):
                    ahead.append(pool.submit(self._piece, start, end))
                    if len(ahead) >= _READ_AHEAD:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _piece(self, start: int, end: int) -> _Piece:
        blocks = self._raw(start, end - start) or [b""]
        return _Piece(start, blocks, self._holds_literal(blocks))

    def _holds_literal(self, blocks: list[bytes]) -> bool:
        literal, finder = self._literal, self._finder
        if literal is None or finder is None:
            return True
        # Python's own search takes three times as long, but stops at the first hit of many.
        return (
            any(block.find(literal, 0, _LOOK_BYTES) >= 0 for block in blocks)
            or any(finder.find_matches_as_indexes(block) for block in blocks)
            or self._is_in_seams(blocks)
        )

    def _is_in_seams(self, blocks: list[bytes]) -> bool:
        if self._literal is None:
            return True
        overlap = len(self._literal) - 1
        if overlap == 0:
            return False
        return any(
            self._literal in one[-overlap:] + other[:overlap] for one, other in pairwise(blocks)
        )


def _last_line_start(piece: _Piece, line_start: int) -> int:
    """Where the line begins that the piece ends in, if before the piece it was `line_start`."""
    position = piece.offset + sum(map(len, piece.blocks))
    for block in reversed(piece.blocks):
        position -= len(block)
        newline = block.rfind(b"\n")
        if newline >= 0:
            return position + newline + 1
    return line_start
