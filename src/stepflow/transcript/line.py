"""A line of a transcript."""

from datetime import datetime

import msgspec


class Line(msgspec.Struct, frozen=True):
    """One line as it is on disk, without its newline, masked.

    `text` holds its beginning when it is longer than was asked for: `line_window` has the rest.
    """

    number: int
    offset: int
    at: datetime | None
    text: bytes
    is_complete: bool
    size_bytes: int

    @property
    def is_clipped(self) -> bool:
        return len(self.text) < self.size_bytes
