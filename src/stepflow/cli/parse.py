"""`stepflow parse`: a saved log through the same parser that reads running scripts; no server.

One event is one line of JSON. Without an exit code the log may go on: open steps stay open.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from stepflow.cli.arguments import Arguments, Options
from stepflow.errors import InvalidRequest, NotFound

_PIECE_BYTES = 1 << 20
_BAR_FROM_BYTES = 16 << 20


def arguments(parser: Arguments) -> None:
    parser.add_argument("file", metavar="FILE", help="a saved log, or - for standard input")
    parser.add_argument(
        "--exit-code", type=int, metavar="N", help="how the script ended: closes what is open"
    )
    parser.add_argument(
        "--options", metavar="JSON", help='for the parser, such as \'{"nesting": "flat"}\''
    )
    parser.add_argument("--json", action="store_true", help="the default: there is no other form")


def main(options: Options) -> int:
    from stepflow.events import AnyEvent, as_json
    from stepflow.timeline import parser_for

    parser = parser_for(parser_options(options.options), with_lines=True)

    def put(events: list[AnyEvent]) -> None:
        lines = [json.dumps(as_json(event), ensure_ascii=False) + "\n" for event in events]
        if lines:
            sys.stdout.buffer.write("".join(lines).encode(errors="replace"))

    with _opened(options.file) as file, _pieces(file) as pieces:
        for piece in pieces:
            put(parser.feed(piece))
    put(parser.flush() if options.exit_code is None else parser.finish(options.exit_code))
    return 0


def parser_options(text: str | None) -> Any:
    """Options of other versions are passed over: a vector may carry them."""
    import msgspec

    from stepflow.timeline import ParserOptions

    if text is None:
        return ParserOptions()
    try:
        return msgspec.json.decode(text, type=ParserOptions)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"--options {text!r}: {error}") from None


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb", buffering=0)  # noqa: SIM115, PTH123 - closed below
    except IsADirectoryError:
        raise InvalidRequest(f"{name} is a folder: give a file, or - for standard input") from None
    except OSError as error:
        raise NotFound(f"{name} can't be read: {error.strerror}") from None
    with file:
        yield file


@contextmanager
def _pieces(file: BinaryIO) -> Iterator[Iterator[bytes]]:
    """The file in pieces, with a progress bar where it is large and somebody looks."""
    total = os.fstat(file.fileno()).st_size
    pieces = iter(lambda: file.read(_PIECE_BYTES), b"")
    if total < _BAR_FROM_BYTES or not sys.stderr.isatty() or sys.stdout.isatty():
        yield pieces
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    with Progress(
        BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    ) as bar:
        task = bar.add_task("", total=total)

        def counted() -> Iterator[bytes]:
            for piece in pieces:
                yield piece
                bar.advance(task, len(piece))

        yield counted()
