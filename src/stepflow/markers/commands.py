"""What the bracket and colon languages share: properties, escapes in order, numbers."""

import re
from collections.abc import Sequence

Escapes = Sequence[tuple[str, str]]

_WHOLE = re.compile(r"\s*([+-]?[0-9]{1,9})\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*([+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*", re.ASCII)


def unescaped(text: str, escapes: Escapes) -> str:
    """Replaced one after the other: what the last one yields is no escape again."""
    if "%" in text:
        for escape, character in escapes:
            text = text.replace(escape, character)
    return text


def properties(text: str, separator: str, escapes: Escapes) -> dict[str, str]:
    """`key=value` pairs by lower-case key; those without a value do not count."""
    found = {}
    for pair in text.split(separator):
        key, _, value = pair.partition("=")
        if value:
            found[key.strip().lower()] = unescaped(value, escapes)
    return found


def whole(text: str | None) -> int | None:
    match = _WHOLE.fullmatch(text) if text else None
    return int(match[1]) if match else None


def decimal(text: str | None) -> float | None:
    match = _DECIMAL.fullmatch(text) if text else None
    return float(match[1]) if match else None
