"""A progress bar: one line on a terminal's stderr; nothing elsewhere."""

import sys
import time

_CELLS = 30
_SECONDS_BETWEEN = 0.1


class Bar:
    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()
        self._shown_at = 0.0

    def show(self, what: str, done: int, of: int) -> None:
        now = time.monotonic()
        if not self._is_shown or (done < of and now - self._shown_at < _SECONDS_BETWEEN):
            return
        self._shown_at = now
        filled = _CELLS * done // of if of else _CELLS
        cells = "█" * filled + "░" * (_CELLS - filled)
        sys.stderr.write(f"\r\x1b[K{what:<12} {cells} {done:,} of {of:,}")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
