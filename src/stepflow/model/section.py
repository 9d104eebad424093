"""A section that an installation defines for itself: what its first and its last line look like."""

import msgspec


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Regular expressions in the syntax of RE2. `title` is the name or the number of the group of
    `start` that holds the title; without it the group `title`, the first group, or all of it."""

    start: str
    end: str
    title: str | int | None = None
