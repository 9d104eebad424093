"""The seam of the dialects: what one says about itself, and the places where it may read.

A dialect overrides what it needs. One instance serves one stream, so it may keep state;
`state` and `resume` carry it over a restart.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Protocol

from stepflow.markers.marker import Marker


class Position(Protocol):
    def start(self) -> int: ...


class Candidates(Protocol):
    """As a pattern: where in a buffer of many lines those are that may hold a marker, ascending."""

    def finditer(self, region: bytes, /) -> Iterable[Position]: ...


class Dialect:
    """`tokens`: every line that this dialect reads holds one of them (lower case; compared without
    case; a leading newline means the line's start). `token_pattern`: the same for what is no fixed
    text, as `\\r(?![\\r\\n])`, behind a byte that is in all of it.
    `line_tokens`: the same where only blanks, colours or a CR stand before the token.
    `log_tokens`: the same for lines that are only shown differently. `control_word` is in every
    line that `control_pattern` matches. `leading_pattern`: those of them that need not wait for the
    end of a line which they begin. `reads_every_line` may be switched on by what was read.
    """

    name: ClassVar[str]
    is_default: ClassVar[bool] = True
    tokens: ClassVar[tuple[bytes, ...]] = ()
    line_tokens: ClassVar[tuple[bytes, ...]] = ()
    log_tokens: ClassVar[tuple[bytes, ...]] = ()
    token_pattern: tuple[bytes, Candidates] | None = None
    control_pattern: ClassVar[re.Pattern[str] | None] = None
    control_word: ClassVar[str] = ""
    leading_pattern: ClassVar[re.Pattern[bytes] | None] = None
    reads_every_line: bool = False

    def switch_on(self) -> None:
        """Asked for by name; a dialect that waits for its own sign waits no longer."""

    def read(self, text: str) -> Sequence[Marker] | None:  # noqa: ARG002  (for the overrides)
        """The markers of a stripped text (often one; none if it was consumed without an effect);
        None if it is not this dialect's."""
        return None

    def inner(self, text: str) -> str | None:  # noqa: ARG002  (as above)
        """The message in a text, if it is to be read by the own dialect instead."""
        return None

    def is_control(self, match: re.Match[str]) -> bool:  # noqa: ARG002  (as above)
        """Is what `control_pattern` found in the raw line meant, and not quoted?"""
        return True

    def take_out(self, match: re.Match[str], behind: str) -> tuple[Sequence[Marker], bool]:
        """The markers of a control sequence in the raw line, and whether the text right behind it
        went into them as a title."""
        raise NotImplementedError

    def redrawn(self, states: Sequence[str]) -> Sequence[Marker]:  # noqa: ARG002  (as above)
        """What the stripped states of a redrawn line say, beside the line itself."""
        return ()

    def is_resumed_by(self, text: str, token: str) -> bool:  # noqa: ARG002  (as above)
        """Is this the form that ends the stop which this dialect asked for?"""
        return False

    def finish(self, exit_code: int) -> Sequence[Marker]:  # noqa: ARG002  (as above)
        """What is left to say when the output is over."""
        return ()

    def state(self) -> Any:
        return None

    def resume(self, state: Any) -> None:
        pass
