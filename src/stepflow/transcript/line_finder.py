"""The program that stands in for ripgrep where there is none: lines of stdin that hold a pattern.

Run as a program of its own, so that a regular expression that backtracks for ever can be killed;
it imports nothing of the package. Arguments: lines|count|ranges, most lines (0 all), flags (of
`r` regex, `i` ignore case, `w` whole word), pattern. It prints what ripgrep is asked to print.
"""

import re
import sys
from collections.abc import Iterator
from typing import BinaryIO

_READ_BYTES = 1 << 20


def main(arguments: list[str]) -> int:
    wanted, most, flags, pattern = arguments
    try:
        expression = compiled(pattern, flags)
    except re.error as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 (the way to the caller)
        return 2
    literal = pattern.encode() if not flags else b""
    found = 0
    for offset, spans in matching_lines(sys.stdin.buffer, expression, literal):
        found += 1
        if wanted == "lines":
            sys.stdout.write(f"{offset}:\n")
        elif wanted == "ranges":
            for start, text in spans:
                sys.stdout.buffer.write(b"%d:%s\n" % (offset + start, text))
        if found == int(most):
            break
    if wanted == "count":
        sys.stdout.write(f"{found}\n")
    sys.stdout.flush()
    return 0


def compiled(pattern: str, flags: str) -> re.Pattern[str]:
    text = pattern if "r" in flags else re.escape(pattern)
    if "w" in flags:
        text = rf"(?<!\w)(?:{text})(?!\w)"
    return re.compile(text, re.IGNORECASE if "i" in flags else 0)


def matching_lines(
    file: BinaryIO, expression: re.Pattern[str], literal: bytes
) -> Iterator[tuple[int, list[tuple[int, bytes]]]]:
    """Offset of each line with a match, and its matches that are not empty."""
    offset = 0
    held: list[bytes] = []
    while True:
        data = file.read(_READ_BYTES)
        if data and b"\n" not in data:
            held.append(data)
            continue
        whole = b"".join([*held, data])
        end = whole.rfind(b"\n") + 1 if data else len(whole)
        # Without the literal in the piece there is no need to look at its lines.
        if end and (not literal or whole.find(literal, 0, end) >= 0):
            yield from in_lines(whole[:end], offset, expression, literal)
        if not data:
            return
        held = [whole[end:]]
        offset += end


def in_lines(
    data: bytes, offset: int, expression: re.Pattern[str], literal: bytes
) -> Iterator[tuple[int, list[tuple[int, bytes]]]]:
    for line in data.removesuffix(b"\n").split(b"\n"):
        if not literal or literal in line:
            # Bytes that are not UTF-8 (masked ones among them) take part in no match.
            text = line.decode("utf-8", "surrogateescape")
            matches = [m for m in expression.finditer(text) if is_text(m.group())]
            if matches:
                yield offset, [spot(text, m) for m in matches if m.group()]
        offset += len(line) + 1


def is_text(match: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in match)


def spot(text: str, match: re.Match[str]) -> tuple[int, bytes]:
    start = len(text[: match.start()].encode("utf-8", "surrogateescape"))
    return start, match.group().encode("utf-8", "surrogateescape")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
