"""The seam of the dialects: what one says about itself, and the places where it may read.

A dialect overrides what it needs. One instance serves one stream, so it may keep state;
`state` and `resume` carry it over a restart.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from stepflow.markers.marker import Marker


class Dialect:
    """`tokens`: every line that this dialect reads holds one of them (lower case; compared without
    case; a leading newline means the line's start). `token_pattern`: the same for what is no fixed
    text, as `\\r(?![\\r\\n])`. `reads_every_line` may be switched on by what was read.
    """

    name: ClassVar[str]
    is_default: ClassVar[bool] = True
    tokens: ClassVar[tuple[bytes, ...]] = ()
    token_pattern: ClassVar[re.Pattern[bytes] | None] = None
    control_pattern: ClassVar[re.Pattern[str] | None] = None
    reads_every_line: bool = False

    def read(self, text: str) -> Sequence[Marker] | None:  # noqa: ARG002  (for the overrides)
        """The markers of a stripped text (often one; none if it was consumed without an effect);
        None if it is not this dialect's."""
        return None

    def take_out(self, match: re.Match[str], behind: str) -> tuple[Sequence[Marker], bool]:
        """The markers of a control sequence that `control_pattern` found in the raw line, and
        whether the text right behind it went into them as a title."""
        raise NotImplementedError

    def redrawn(self, states: Sequence[str]) -> Sequence[Marker]:  # noqa: ARG002  (as above)
        """What the stripped states of a redrawn line say, beside the line itself."""
        return ()

    def is_resumed_by(self, text: str, token: str) -> bool:  # noqa: ARG002  (as above)
        """Is this the form that ends the stop which this dialect asked for?"""
        return False

    def state(self) -> Any:
        return None

    def resume(self, state: Any) -> None:
        pass
