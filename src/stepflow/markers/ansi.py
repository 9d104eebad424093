"""Control sequences of terminals, and a line without them.

Every alternative is bounded by the next ESC, so that stripping stays linear on any input.
"""

import re

# OSC, DCS, SOS, PM and APC strings (ended by BEL or ST; Buildkite's time stamps are APC with BEL).
_STRING = r"\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
# What Jenkins hides in its console: a link or the like, in base64.
_NOTE = r"\x1b\[8mha:[^\x1b]*\x1b\[0m"
_CSI = r"\x1b\[[0-?]*[ -/]*[@-~]"
_SHORT = r"\x1b[ -/]*[0-~]?"

_STRINGS = re.compile(_STRING)
_SEQUENCES = re.compile(f"{_STRING}|{_NOTE}|{_CSI}|{_SHORT}")


def without_strings(text: str) -> str:
    """`text` without OSC and its kin, which may hold the CR that redraws would be split at."""
    return _STRINGS.sub("", text) if "\x1b" in text else text


def plain(text: str) -> str:
    return _SEQUENCES.sub("", text) if "\x1b" in text else text
