"""Bulk scan: where in a buffer of many lines a token of a dialect stands.

One substring search per token over the lower-cased buffer. Several tokens in one automaton were
5-20 times slower: only a lone pattern gets the vectorised search. Tokens with a byte that is rare
share a look for it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import chain

from stepflow.markers.dialect import Dialect

Finder = Callable[[bytes], list[int]]

# Executions mostly look for the same tokens; own sections are the exception.
MOST_FINDERS = 256
MOST_SCANNERS = 64
# Up to here what a search costs is mostly to begin it.
FEW_BYTES = 1024
_SHORT_BYTES = 12
_BLANK = b"\n\r \t"
# From the rarest on. Where one is nowhere no token is that holds it, whatever the case of letters.
_RARE = (b"\x1b", b"_", b":", b" ")


@lru_cache(MOST_FINDERS)
def _wheel_finder(*tokens: bytes) -> Finder:
    from ahocorasick_rs import BytesAhoCorasick  # noqa: PLC0415  (the fallback works without it)

    find = BytesAhoCorasick(tokens).find_matches_as_indexes
    return lambda lowered: [end - 1 for _, _, end in find(lowered)]


def _somewhere(lowered: bytes) -> list[int]:
    """The standard library has no quicker answer than looking for each token."""
    return [0] if lowered else []


def _library_finder(token: bytes) -> Finder:
    if len(token) < _SHORT_BYTES:
        return _library_short_finder(token)

    def find(lowered: bytes) -> list[int]:
        found = []
        start = lowered.find(token)
        while start >= 0:
            found.append(start + len(token) - 1)
            start = lowered.find(token, start + len(token))
        return found

    return find


def _library_short_finder(token: bytes) -> Finder:
    """Faster than `bytes.find` for these; and 30 times where the last byte is nowhere."""
    last = token[-1:]
    ends = re.compile(re.escape(token)).finditer

    def find(lowered: bytes) -> list[int]:
        return [m.end() - 1 for m in ends(lowered)] if last in lowered else []

    return find


def _library_ending_finder(tokens: tuple[bytes, ...]) -> Finder:
    """For tokens that end in the same byte, which is rare."""

    def find(lowered: bytes) -> list[int]:
        return [m.start() for m in ends(lowered) if lowered.endswith(tokens, 0, m.end())]

    ends = re.compile(re.escape(tokens[0][-1:])).finditer
    return find


class Scanner:
    """Candidates of the dialects. `is_accelerated=False` uses the standard library alone;
    `with_lines` finds also those lines that are only shown differently."""

    def __init__(
        self,
        dialects: Sequence[Dialect | type[Dialect]],
        *,
        is_accelerated: bool | None = None,
        with_lines: bool = False,
    ) -> None:
        shown = {token for d in dialects for token in d.log_tokens} if with_lines else set()
        tokens = sorted({token for d in dialects for token in d.tokens} | shown)
        is_accelerated = _has_wheel() if is_accelerated is None else is_accelerated
        finder = _wheel_finder if is_accelerated else _library_finder
        self._patterns = [d.token_pattern for d in dialects if d.token_pattern is not None]
        self._finders = [(_rare_byte(token), finder(token)) for token in tokens]
        starts = sorted({token for d in dialects for token in d.line_tokens})
        self._starts = [(_rare_byte(token), len(token), finder(token)) for token in starts]
        common = [token for token in (*tokens, *starts) if _rare_byte(token) is None]
        self._has_common_letters = any(token.upper() != token for token in common)
        # One look for all tokens: who says a line now and then is read line by line.
        self._find_any = finder(*tokens, *starts) if is_accelerated else _somewhere
        self._find_broken = _broken_finder((*tokens, *starts), is_accelerated)

    def positions(self, region: bytes, start: int = 1, end: int | None = None) -> list[int]:
        """Ascending positions, each in a line that may hold a marker. From `start`, behind a LF, to
        `end` stand whole lines; of others there may be positions as well. `region` begins with LF.
        """
        absent = [byte for byte in _RARE if byte not in region]
        has_letters = self._has_common_letters or len(absent) < len(_RARE)
        lowered = region.lower() if has_letters else region
        if len(region) <= FEW_BYTES and self._is_plain(region) and not self._find_any(lowered):
            return []
        found = [find(lowered) for rare, find in self._finders if rare not in absent]
        found += [
            list(_at_line_starts(region, find(lowered), length))
            for rare, length, find in self._starts
            if rare not in absent
        ]
        for byte, pattern in self._patterns:
            if byte in region:
                lines = region[start - 1 : end]
                found.append([m.start() + start - 1 for m in pattern.finditer(lines)])
        if b"\x1b" not in absent:
            found.append(self._find_broken(lowered))
        filled = [positions for positions in found if positions]
        if not filled:
            return []
        return filled[0] if len(filled) == 1 else sorted(chain.from_iterable(filled))

    def _is_plain(self, region: bytes) -> bool:
        """Whether only tokens as they stand can make a line a marker."""
        return b"\x1b" not in region and not any(byte in region for byte, _ in self._patterns)


def scanner_for(
    dialects: Sequence[Dialect], *, is_accelerated: bool | None, with_lines: bool
) -> Scanner:
    """A scanner keeps nothing of what it read: who looks for the same shares one."""
    if any(d.token_pattern is not type(d).token_pattern for d in dialects):
        return Scanner(dialects, is_accelerated=is_accelerated, with_lines=with_lines)
    return _scanner_of_kinds(tuple(map(type, dialects)), is_accelerated, with_lines)


@lru_cache(MOST_SCANNERS)
def _scanner_of_kinds(
    kinds: tuple[type[Dialect], ...], is_accelerated: bool | None, with_lines: bool
) -> Scanner:
    return Scanner(kinds, is_accelerated=is_accelerated, with_lines=with_lines)


def _rare_byte(token: bytes) -> bytes | None:
    return next((byte for byte in _RARE if byte in token), None)


def _at_line_starts(region: bytes, found: Iterable[int], length: int) -> Iterator[int]:
    """Those with only a blank or a CR right before; or, rarely, a colour code earlier in the line.
    Each line is looked at once, however many there are in it."""
    end = first_escape = 0
    for last in found:
        position = last + 1 - length
        if region[position - 1] in _BLANK:
            yield last
            continue
        if position >= end:
            start = region.rfind(b"\n", end, position)
            end = region.find(b"\n", position)
            first_escape = region.find(b"\x1b", start, end)
        if 0 <= first_escape < position:
            yield last


@lru_cache(MOST_FINDERS)
def _broken_finder(tokens: tuple[bytes, ...], is_accelerated: bool) -> Finder:
    """A colour code may stand in the middle of a token, which is whole once it is stripped."""
    words = [token.lstrip(b"\n") for token in tokens]
    broken = sorted({word[:n] + b"\x1b" for word in words for n in range(1, len(word))})
    if not broken:
        return lambda _: []
    return _wheel_finder(*broken) if is_accelerated else _library_ending_finder(tuple(broken))


@cache
def _has_wheel() -> bool:
    return find_spec("ahocorasick_rs") is not None
