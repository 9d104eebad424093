"""Bulk scan: where in a buffer of many lines a token of a dialect stands.

One substring search per token over the lower-cased buffer. Several tokens in one automaton were
5-20 times slower: only a lone pattern gets the vectorised search.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from stepflow.markers.dialect import Dialect

Finder = Callable[[bytes], list[int]]


def _finders_of_the_wheel(tokens: Iterable[bytes]) -> list[Finder]:
    from ahocorasick_rs import BytesAhoCorasick  # noqa: PLC0415  (the fallback works without it)

    def finder(token: bytes) -> Finder:
        find = BytesAhoCorasick([token]).find_matches_as_indexes
        return lambda lowered: [end - 1 for _, _, end in find(lowered)]

    return [finder(token) for token in tokens]


def _finders_of_the_library(tokens: Iterable[bytes]) -> list[Finder]:
    def finder(token: bytes) -> Finder:
        def find(lowered: bytes) -> list[int]:
            found = []
            start = lowered.find(token)
            while start >= 0:
                found.append(start + len(token) - 1)
                start = lowered.find(token, start + len(token))
            return found

        return find

    return [finder(token) for token in tokens]


class Scanner:
    """Candidates of the dialects. `is_accelerated=False` uses the standard library alone."""

    def __init__(self, dialects: Sequence[Dialect], *, is_accelerated: bool | None = None) -> None:
        tokens = sorted({token for d in dialects for token in d.tokens})
        self._patterns = [d.token_pattern for d in dialects if d.token_pattern is not None]
        self._prefixes = tuple(
            sorted({t.lstrip(b"\n")[:n] for t in tokens for n in range(1, len(t.lstrip(b"\n")))})
        )
        self._finders = _finders(tokens, is_accelerated)

    def positions(self, region: bytes) -> list[int]:
        """Ascending positions, each in a line that may hold a marker. `region` begins with LF."""
        lowered = region.lower()
        found = [f(lowered) for f in self._finders]
        found += [[m.start() for m in p.finditer(region)] for p in self._patterns]
        if b"\x1b" in region:
            found.append(list(self._broken_by_colour(lowered)))
        filled = [positions for positions in found if positions]
        if not filled:
            return []
        return filled[0] if len(filled) == 1 else sorted(chain.from_iterable(filled))

    def _broken_by_colour(self, lowered: bytes) -> Iterator[int]:
        """A colour code may stand in the middle of a token, which is whole once it is stripped."""
        for match in re.finditer(b"\x1b", lowered):
            if lowered.endswith(self._prefixes, 0, match.start()):
                yield match.start()


def _finders(tokens: Iterable[bytes], is_accelerated: bool | None) -> list[Finder]:
    if is_accelerated is False:
        return _finders_of_the_library(tokens)
    try:
        return _finders_of_the_wheel(tokens)
    except ImportError:
        if is_accelerated:
            raise
        return _finders_of_the_library(tokens)
