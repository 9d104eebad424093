"""Secrets become stars of the same length, so that no number, offset or index changes.

A byte is masked exactly if some occurrence of a secret covers it (occurrences may overlap): what is
masked does not depend on how the log was cut into reads, given `longest - 1` bytes on both sides.
"""

import base64
import html
import json
import os
import shlex
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import msgspec
from ahocorasick_rs import BytesAhoCorasick, Implementation

from stepflow import errors
from stepflow.transcript.folder import sync_folder

SHORTEST_SECRET = 3
# The characters of so short a secret that no neighbour influences are too few to be distinctive.
_SHORTEST_ENCODED = 4
_MOST_TABLE_BYTES = 8192
_WINDOW_BYTES = 1 << 20


def _encoded(value: bytes) -> Iterator[bytes]:
    """Base64 of the value wherever it lies in what was encoded."""
    for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
        yield alphabet(value)
        for shift in range(3):
            text = alphabet(b"\0" * shift + value)
            yield text[(8 * shift + 5) // 6 : 8 * (shift + len(value)) // 6]


def _escaped(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        in_json = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield in_json
        yield in_json.replace("/", "\\/")
    for safe in ("", "/"):
        in_uri = quote(value, safe=safe)
        yield in_uri
        yield in_uri.lower()
    yield quote_plus(value)
    in_xml = html.escape(value, quote=False)
    yield in_xml
    yield in_xml.replace('"', "&quot;").replace("'", "&apos;")
    yield html.escape(value)
    yield html.escape(value).replace("&#x27;", "&#39;")
    yield shlex.quote(value).removeprefix("'").removesuffix("'")
    yield value.replace("'", "'\\''")
    yield value.translate(_ANSI_C)
    yield "".join(f"\\{c}" if c in '\\"$`' else c for c in value)
    yield "".join(c if c.isalnum() or c in "%+,-./:=@_" else f"\\{c}" for c in value)


def _forms(value: bytes) -> Iterator[bytes]:
    """The value and everything it is commonly turned into before it is printed."""
    yield value
    if len(value) >= _SHORTEST_ENCODED:
        yield from _encoded(value)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    for form in _escaped(text):
        yield form.encode()


# As `printf %q` of bash writes what has control characters.
_ANSI_C = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\E"}
)


def _parts(secret: bytes) -> Iterator[bytes]:
    """The whole secret, each of its lines, and each without quotes and space around it."""
    for part in [secret, *secret.splitlines()]:
        yield part
        trimmed = part.strip()
        yield trimmed
        yield trimmed.strip(b"\"'")


def _characters(value: bytes) -> int:
    return len(value.decode(errors="replace"))


def _patterns(secrets: Iterable[bytes]) -> list[bytes]:
    return sorted(
        {
            form
            for secret in secrets
            for part in _parts(secret)
            if _characters(part.strip()) >= SHORTEST_SECRET
            for form in _forms(part)
        }
    )


class Masks:
    """Values that must not be shown. Immutable: `extended` gives a larger one.

    Raises errors.InvalidRequest for a secret of fewer than 3 characters: it would blot out
    everything.
    """

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self.secrets = tuple(dict.fromkeys(secrets))
        for secret in self.secrets:
            if _characters(secret.strip()) < SHORTEST_SECRET:
                raise errors.InvalidRequest(
                    f"a secret needs at least {SHORTEST_SECRET} characters", field="mask"
                )
        self._patterns = _patterns(self.secrets)
        self.longest = max(map(len, self._patterns), default=0)
        self._matcher = _matcher(self._patterns) if self._patterns else None

    def __bool__(self) -> bool:
        return self._matcher is not None

    def extended(self, secrets: Iterable[bytes]) -> "Masks":
        return Masks([*self.secrets, *secrets])

    @property
    def carry(self) -> int:
        """How many bytes on each side decide whether a byte is masked."""
        return max(0, self.longest - 1)

    def ranges(self, data: bytes) -> list[tuple[int, int]]:
        """The masked stretches of `data`, ascending, disjoint; neighbours may touch."""
        if self._matcher is None:
            return []
        merged: list[tuple[int, int]] = []
        found = [(s, e) for _, s, e in self._matcher.find_matches_as_indexes(data, True)]
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def apply(
        self,
        data: bytes,
        before: bytes = b"",
        after: bytes = b"",
        *,
        at_end: bool = False,
        fill: bytes = b"*",
    ) -> bytes:
        """`data` with secrets filled, newlines kept; `before` and `after` are its surroundings.

        `at_end`: nothing follows yet, so three or more bytes there that begin a secret are filled
        too, since its rest may be on the way.
        """
        if self._matcher is None:
            return data
        before = before[max(0, len(before) - self.carry) :]
        whole = before + data + after[: self.carry]
        ranges = self.ranges(whole)
        if at_end and (begun := self._begun(whole)):
            ranges.append((len(whole) - begun, len(whole)))
        if not ranges:
            return data
        masked = bytearray(data)
        for start, end in ranges:
            first = max(start - len(before), 0)
            last = min(end - len(before), len(data))
            if first < last:
                masked[first:last] = _filled(data[first:last], fill)
        return bytes(masked)

    def mask_text(self, text: str) -> str:
        """`text`, for a name or a message, with `***` in place of each secret."""
        if self._matcher is None:
            return text
        data = text.encode(errors="surrogatepass")
        pieces = []
        position = 0
        for start, end in self.ranges(data):
            pieces += [data[position:start], b"***"]
            position = end
        return b"".join([*pieces, data[position:]]).decode(errors="surrogatepass")

    def _begun(self, data: bytes) -> int:
        """Length of the longest end of `data` that begins a secret without completing it."""
        for length in range(min(self.carry, len(data)), SHORTEST_SECRET - 1, -1):
            end = data[-length:]
            position = bisect_left(self._patterns, end)
            if position < len(self._patterns) and self._patterns[position].startswith(end):
                return length
        return 0

    @classmethod
    def of_file(cls, path: Path) -> "Masks":
        """Those that `keep` wrote; none when there is no such file."""
        try:
            return cls(msgspec.msgpack.decode(path.read_bytes(), type=list[bytes]))
        except FileNotFoundError:
            return NO_MASKS

    def keep(self, path: Path) -> None:
        """Write the secrets to `path`, durable when it returns."""
        temporary = path.with_name(path.name + ".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.msgpack.encode(list(self.secrets)))
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
        sync_folder(path.parent)


NO_MASKS = Masks([])


def _matcher(patterns: list[bytes]) -> BytesAhoCorasick:
    # A table of all states takes 1 KiB for each byte of a secret: too much for a long key.
    is_small = sum(map(len, patterns)) <= _MOST_TABLE_BYTES
    kind = Implementation.DFA if is_small else Implementation.ContiguousNFA
    return BytesAhoCorasick(patterns, implementation=kind)


def _filled(data: bytes, fill: bytes) -> bytes:
    return b"\n".join(fill * len(piece) for piece in data.split(b"\n"))


def write_masks(log: Path, masks: Masks) -> int:
    """Fill every secret in `log` itself, once its pump has left; how many bytes were filled.

    Only those bytes are written, a run of overlapping secrets at once, so it can be repeated and
    be gone on with after a crash. Durable when it returns.
    """
    if not masks:
        return 0
    descriptor = os.open(log, os.O_RDWR | os.O_CLOEXEC)
    try:
        filled = sum(_fill(descriptor, *run) for run in _runs(descriptor, masks))
        os.fsync(descriptor)
        return filled
    finally:
        os.close(descriptor)


def _runs(descriptor: int, masks: Masks) -> Iterator[tuple[int, int]]:
    """The masked stretches of a file; one is given out when no later read can lengthen it."""
    held: tuple[int, int] | None = None
    position = 0
    window = max(_WINDOW_BYTES, 4 * masks.longest)
    while data := os.pread(descriptor, window, position):
        for start, end in masks.ranges(data):
            first, last = position + start, position + end
            if held and first < held[1]:
                held = (held[0], max(last, held[1]))
            else:
                if held:
                    yield held
                held = (first, last)
        position += max(1, len(data) - masks.carry)
        if len(data) < window and not os.pread(descriptor, 1, position + masks.carry):
            break
    if held:
        yield held


def _fill(descriptor: int, start: int, end: int) -> int:
    for position in range(start, end, _WINDOW_BYTES):
        data = os.pread(descriptor, min(_WINDOW_BYTES, end - position), position)
        os.pwrite(descriptor, _filled(data, b"*"), position)
    return end - start
