"""Guards of the dialects whose markers may stand anywhere in a line: is it said or quoted?"""

import re

_TRACE = re.compile(r"\++ ")
_QUOTES = "\"'`"


def is_traced(text: str) -> bool:
    """Printed by `set -x` with the default PS4, so it is source and no output."""
    return text.startswith("+") and _TRACE.match(text) is not None


def unquoted(text: str) -> str:
    """The inside of a line that is one pair of quotes, as `echo "…"` of cmd.exe prints it. Further
    in it is an item of a list, such as Ansible shows what a script printed in."""
    if len(text) > 4 and text[:4].isspace():
        return text
    trimmed = text.strip()
    if len(trimmed) < 2 or trimmed[0] not in _QUOTES or trimmed[-1] != trimmed[0]:
        return text
    inside = trimmed[1:-1]
    return text if trimmed[0] in inside else inside


def is_quoted(text: str, position: int) -> bool:
    """Echoed source: a quote stands right before."""
    return position > 0 and text[position - 1] in _QUOTES


def is_inside_word(text: str, position: int) -> bool:
    """The middle of a name, a variable, an option or a path."""
    return position > 0 and (text[position - 1].isalnum() or text[position - 1] in "_\\$/.-")
