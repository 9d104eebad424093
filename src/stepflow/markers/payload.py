"""Payloads of the own dialect: trailing parameter groups, and the types of their values.

    group = "[" pair { ("," | blank) pair } "]" | "{" key ":" value … "}" | blank "--" key "=" value

Groups are peeled from the end only; a bracket without a key is text. Every step back looks at a
bounded number of openings, so that a payload full of near-misses costs linear time.
"""

import math
import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from stepflow.markers.marker import Scalar

_KEY = r"[A-Za-z_][A-Za-z0-9_.\-]*"
_BRACKET_KEY = re.compile(rf"({_KEY})=")
_BRACE_KEY = re.compile(rf"({_KEY})\s{{0,8}}:(?!//)")
_BRACKET_SEPARATOR = re.compile(rf"[,\s](?={_KEY}=)")
_BRACE_SEPARATOR = re.compile(rf"[,\s](?={_KEY}\s{{0,8}}:(?!//))")
_QUOTED = re.compile(r""""([^"]*)"|'([^']*)'""")
_FLAG = re.compile(rf"""\s--({_KEY})=("[^"]*"|'[^']*'|[^\s"']*)""")
_OPENINGS_LOOKED_AT = 32
_GROUPS_PEELED = 64

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(
    r"[+-]?(?:[0-9]{1,308}(?:\.[0-9]{0,308})?|\.[0-9]{1,308})(?:[eE][+-]?[0-9]{1,4})?"
)
_DURATION = re.compile(
    r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)s)?"
)
_DURATION_KEYS = frozenset({"duration", "timeout", "estimated_duration"})
_CLAIMS = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(
    ("false", "0", "no", "off"), False
)


class Value(NamedTuple):
    text: str
    is_quoted: bool


Pairs = list[tuple[str, Value]]


class Payload(NamedTuple):
    text: str
    params: dict[str, Scalar]
    raw: dict[str, str]


def peel(payload: str, wanted: Collection[str] | None = None) -> Payload:
    """Split trailing groups off. With `wanted`, only groups that hold one of these keys."""
    text = payload.strip()
    if text[-1:] not in ("]", "}") and "--" not in text:
        return Payload(text, {}, {})
    brackets: list[Pairs] = []
    braces: list[Pairs] = []
    flags: list[Pairs] = []
    for _ in range(_GROUPS_PEELED):
        for group, found in ((_bracket, brackets), (_brace, braces), (_flag, flags)):
            peeled = group(text)
            if peeled is not None and (
                wanted is None or any(key in wanted for key, _ in peeled[1])
            ):
                text = peeled[0].rstrip()
                found.append(peeled[1])
                break
        else:
            break
    params: dict[str, Scalar] = {}
    raw: dict[str, str] = {}
    for spelling in (brackets, braces, flags):
        for pairs in reversed(spelling):
            for key, value in pairs:
                params[key] = typed(key, value)
                raw[key] = value.text
    return Payload(text, params, raw)


def typed(key: str, value: Value) -> Scalar:
    text = value.text
    if key == "stop_on_error":
        return _CLAIMS.get(text.lower(), text)
    if value.is_quoted:
        return text
    if key in _DURATION_KEYS and (seconds := duration(text)) is not None:
        return seconds
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return number(text, text)


def number(text: str, otherwise: Scalar) -> Scalar:
    """An integer of 64 bits or a finite decimal; nothing else survives JSON and MessagePack."""
    if _INTEGER.fullmatch(text):
        integer = int(text)
        return integer if -(2**63) <= integer < 2**63 else otherwise
    if _DECIMAL.fullmatch(text) and math.isfinite(decimal := float(text)):
        return decimal
    return otherwise


def duration(text: str) -> int | float | None:
    """Seconds of `1h30m` and the like."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        return None
    days, hours, minutes, seconds = match.groups()
    whole = int(days or 0) * 86_400 + int(hours or 0) * 3_600 + int(minutes or 0) * 60
    return whole + (float(seconds) if seconds and "." in seconds else int(seconds or 0))


def _bracket(text: str) -> tuple[str, Pairs] | None:
    if not text.endswith("]"):
        return None
    return _enclosed(text, "[", _bracket_pairs)


def _brace(text: str) -> tuple[str, Pairs] | None:
    if not text.endswith("}"):
        return None
    return _enclosed(text, "{", _brace_pairs)


def _enclosed(
    text: str, opening: str, pairs_in: Callable[[str], Pairs | None]
) -> tuple[str, Pairs] | None:
    start = len(text) - 1
    for _ in range(_OPENINGS_LOOKED_AT):
        start = text.rfind(opening, 0, start)
        if start < 0:
            return None
        pairs = pairs_in(text[start + 1 : -1].strip())
        if pairs:
            return text[:start], pairs
    return None


def _bracket_pairs(inside: str) -> Pairs | None:
    return _pairs(inside, _BRACKET_KEY, _BRACKET_SEPARATOR, _has_one_level_of_brackets)


def _brace_pairs(inside: str) -> Pairs | None:
    return _pairs(inside, _BRACE_KEY, _BRACE_SEPARATOR, _has_no_braces)


def _pairs(
    inside: str,
    key_form: re.Pattern[str],
    separator: re.Pattern[str],
    is_plain: Callable[[str], bool],
) -> Pairs | None:
    pairs: Pairs = []
    position = 0
    while position < len(inside):
        key = key_form.match(inside, position)
        if key is None:
            return None
        start = key.end()
        while start < len(inside) and inside[start].isspace():
            start += 1
        quoted = _QUOTED.match(inside, start)
        if quoted is not None and (quoted.end() == len(inside) or inside[quoted.end()] in ", \t"):
            value = Value(quoted.group()[1:-1], is_quoted=True)
            position = quoted.end()
            while position < len(inside) and inside[position] in ", \t":
                position += 1
        else:
            behind = separator.search(inside, key.end())
            end = behind.start() if behind else len(inside)
            value = Value(inside[key.end() : end].strip().rstrip(",").rstrip(), is_quoted=False)
            position = behind.end() if behind else len(inside)
            if not is_plain(value.text):
                return None
        pairs.append((key.group(1), value))
    return pairs


def _has_one_level_of_brackets(value: str) -> bool:
    is_open = False
    for character in value:
        if character == "[":
            if is_open:
                return False
            is_open = True
        elif character == "]":
            if not is_open:
                return False
            is_open = False
    return not is_open


def _has_no_braces(value: str) -> bool:
    return "{" not in value and "}" not in value


def _flag(text: str) -> tuple[str, Pairs] | None:
    start = len(text)
    for _ in range(_OPENINGS_LOOKED_AT):
        start = text.rfind("--", 0, start)
        if start < 1:
            return None
        match = _FLAG.fullmatch(text, start - 1)
        if match is not None:
            value = match.group(2)
            is_quoted = value[:1] in ('"', "'") and bool(value)
            bare = value[1:-1] if is_quoted else value
            return text[: start - 1], [(match.group(1), Value(bare, is_quoted))]
    return None
