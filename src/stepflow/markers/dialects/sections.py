"""Sections that an installation defines itself: a start, an end, and the group that is the title.

The expressions are RE2's, which takes linear time whatever they are. Lines that neither may match
are passed over in bulk, so other output is read as fast as without; coloured lines, and all lines
of a buffer that is no UTF-8, are looked at one by one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, ClassVar

import re2

from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import End, Marker, Start
from stepflow.model import Section

MOST_SECTIONS = 50
LONGEST_EXPRESSION = 1000
# Of one compiled expression: enough for any that a person writes, too little for x{1000}{1000}.
_MEMORY_BYTES = 1 << 20
_LINES = re.compile(rb"(?s)(?<=\n).")
# They speak of the whole text, which in a buffer of many lines is another one.
_OF_THE_TEXT = re.compile(r"\\[Az]|\(\?[A-Za-z]*-")
_ESCAPES = re.compile(rb"\x1b")


class InvalidSection(Exception):
    """Why a section can't be, in words for who wrote it."""


class SectionsDialect(Dialect):
    """One section of each definition is open at a time in any place of the tree: the next start of
    the same one nests, unless the line is an end, too."""

    name: ClassVar[str] = "sections"
    is_default: ClassVar[bool] = False

    def __init__(self, sections: Sequence[Section] = ()) -> None:
        self._sections = [_Compiled(section) for section in sections]
        texts = [text for each in sections for text in (each.start, each.end)]
        if texts:
            self.token_pattern = (b"", _Candidates(texts))

    def read(self, text: str) -> Sequence[Marker] | None:
        for number, section in enumerate(self._sections):
            key = str(number)
            end = End(key=key, is_silent=True)
            begun, ended = section.start.search(text), section.end.search(text)
            if begun is not None:
                title = section.title_of(begun).strip() or text.strip()
                start = Start(name=title, kind="section", key=key)
                return (end, start) if ended is not None else (start,)
            if ended is not None:
                return (end,)
        return None


class _Compiled:
    def __init__(self, section: Section) -> None:
        self.start = _compiled("start", section.start)
        self.end = _compiled("end", section.end)
        self._title = _title_group(self.start, section.title)

    def title_of(self, match: Any) -> str:
        return match.group(self._title) or ""


def check(sections: Sequence[Section]) -> None:
    """InvalidSection names the first one that can't be."""
    if len(sections) > MOST_SECTIONS:
        raise InvalidSection(f"there are {len(sections)}, more than {MOST_SECTIONS}")
    for number, section in enumerate(sections):
        try:
            _Compiled(section)
        except InvalidSection as error:
            raise InvalidSection(f"section {number + 1}: {error}") from error


def _compiled(which: str, text: str) -> Any:
    if not text:
        raise InvalidSection(f"its {which} is empty")
    if len(text) > LONGEST_EXPRESSION:
        raise InvalidSection(f"its {which} has more than {LONGEST_EXPRESSION} characters")
    try:
        return re2.compile(text, _options())
    except re2.error as error:
        said = error.args[0]
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        raise InvalidSection(f"its {which} {text!r} is no expression of RE2: {reason}") from error
    except UnicodeEncodeError as error:
        raise InvalidSection(f"its {which} {text!r} is not valid text") from error


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    return options


def _title_group(start: Any, title: str | int | None) -> str | int:
    if title is None:
        return "title" if "title" in start.groupindex else min(1, start.groups)
    known = title in start.groupindex if isinstance(title, str) else 0 <= title <= start.groups
    if not known:
        raise InvalidSection(f"its start has no group {title!r} for the title")
    return title


class _Candidates:
    """Positions in the lines of a buffer that an expression may match, as `re.finditer` says them:
    rather a line too many than one too few. All expressions are looked for at once."""

    def __init__(self, texts: Sequence[str]) -> None:
        options = _options()
        options.never_nl = True
        options.never_capture = True
        options.max_mem = (len(texts) + 1) * _MEMORY_BYTES
        any_of_them = "|".join(f"(?:{text})" for text in texts)
        self._is_bulk = not any(map(_OF_THE_TEXT.search, texts))
        self._pattern = re2.compile(f"(?m:{any_of_them})".encode(), options)

    def finditer(self, region: bytes) -> Iterable[Any]:
        # What stands there for a bad byte is known only once the line is decoded.
        if not (self._is_bulk and _is_text(region)):
            return _LINES.finditer(region)
        # Each state of a redrawn line is read by itself; positions stay what they are.
        found = _hits(self._pattern, region.replace(b"\r", b"\n"))
        if b"\x1b" not in region:
            return found
        return sorted(chain(found, _ESCAPES.finditer(region)), key=lambda match: match.start())


def _hits(pattern: Any, lines: bytes) -> Iterator[Any]:
    """Once for each line, however often an expression matches in it."""
    position = 0
    while position < len(lines):
        match = pattern.search(lines, position)
        # An empty match may stand behind the last line.
        if match is None or match.start() == len(lines):
            return
        yield match
        newline = lines.find(b"\n", match.end())
        if newline < 0:
            return
        position = newline + 1


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
