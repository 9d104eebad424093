"""`stepflow logs`: an execution's output; lines where times are asked for, else exact bytes.

To a pipe and with --raw the bytes are exactly the script's; a terminal gets their colours, but no
sequence that would steer it.
"""

import json
import signal
import sys
from collections.abc import Iterator
from typing import Any

from stepflow.cli import connection, words
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.client import Client, Json
from stepflow.cli.execution import path_of
from stepflow.cli.follow import Follower, Left, Messages, Signalled
from stepflow.cli.screen import Silent, harmless, write
from stepflow.cli.view import View
from stepflow.errors import RangeNotSatisfiable

_LINES_AT_ONCE = 5000
_POLL_SECONDS = 0.2
_LONGEST_LINE_BYTES = 1 << 20


def arguments(parser: Arguments) -> None:
    parser.add_execution()
    parser.add_argument("-f", "--follow", action="store_true", help="go on until it has ended")
    parser.add_argument("--step", metavar="STEP", help="only this step's lines (number or name)")
    parser.add_argument("--since-line", type=int, metavar="N", help="from line N on, from 0")
    parser.add_argument("-n", "--tail", type=int, metavar="N", help="only the last N lines")
    parser.add_argument("--timestamps", action="store_true", help="when each line arrived")
    parser.add_argument("--raw", action="store_true", help="exact bytes on a terminal too")
    parser.add_json("each line")
    parser.add_place()


def main(options: Options) -> int:
    client = connection.viewer(options)
    path = path_of(client, options.execution)
    if options.timestamps or options.json or (options.step is not None and options.follow):
        return _print_lines(client, path, options)
    screen = _Copy(is_exact=options.raw or not sys.stdout.isatty())
    if options.step is not None:
        _copy_step(client, path, options.step, screen)
    else:
        offset = _offset(client, path, options)
        if options.follow:
            return _follow(client, path, screen, offset)
        _copy_rest(client, path, offset, screen)
    screen.finish()
    return 0


class _Copy(Silent):
    """Bytes to stdout; for a terminal each line made harmless."""

    wants_output = True

    def __init__(self, *, is_exact: bool) -> None:
        self._is_exact = is_exact
        self._unfinished = b""

    def output(self, data: bytes) -> None:
        if self._is_exact:
            write(data)
            return
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        if lines:
            write(harmless(lines))

    def end(self, _view: View) -> None:
        self.finish()

    def finish(self) -> None:
        if self._unfinished:
            write(harmless([self._unfinished]))
            self._unfinished = b""


def _offset(client: Client, path: str, options: Options) -> int:
    """Where the wanted first line begins."""
    if options.since_line is None and options.tail is None:
        return 0
    query: Json = {"tail": options.tail} if options.tail is not None else {"limit": 1}
    if options.since_line is not None:
        query["cursor"] = f"{options.since_line}:0"
    page = client.ask("GET", f"{path}/logs", **query)
    return int(page["lines"][0]["offset"] if page["lines"] else page["size_bytes"])


def _copy_rest(client: Client, path: str, offset: int, screen: _Copy) -> None:
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    try:
        with client.open("GET", f"{path}/log", headers=headers) as answer:
            while data := client.read(answer, 1 << 16):
                screen.output(data)
    except RangeNotSatisfiable:
        return  # nothing was written since


def _copy_step(client: Client, path: str, step: str, screen: _Copy) -> None:
    with client.open("GET", f"{path}/log", step=step) as answer:
        while data := client.read(answer, 1 << 16):
            screen.output(data)


def _follow(client: Client, path: str, screen: _Copy, offset: int) -> int:
    """Ctrl-C leaves: who only looks does not stop it."""
    follower = Follower(client, path, screen, connection.reviver(client), offset=offset)
    watch: Messages = follower.messages
    previous = signal.signal(signal.SIGINT, lambda *_: watch.put(Signalled(0)))
    try:
        follower.follow()
    except Left:
        return 130
    finally:
        signal.signal(signal.SIGINT, previous)
    return 0


def _print_lines(client: Client, path: str, options: Options) -> int:
    with_time = options.timestamps and not options.json
    for line in _lines(client, path, options):
        if options.json:
            text = json.dumps(line, ensure_ascii=False)
        elif with_time:
            at = words.time(line["at"]).astimezone() if line["at"] else None
            moment = at.isoformat(timespec="milliseconds") if at else "-" * 29
            text = f"{moment}  {line['text']}"
        else:
            text = line["text"]
        write(text.encode(errors="replace") + b"\n")
    return 0


def _lines(client: Client, path: str, options: Options) -> Iterator[Json]:
    query: Json = {
        "limit": _LINES_AT_ONCE,
        "step": options.step,
        "max_line_bytes": _LONGEST_LINE_BYTES,
        "tail": options.tail,
    }
    if options.since_line is not None:
        query["cursor"] = f"{options.since_line}:0"
    import time

    while True:
        page: Any = client.ask("GET", f"{path}/logs", **query)
        yield from page["lines"]
        if page["is_complete"] or not (page["lines"] or options.follow):
            return
        if page["next"] == query.get("cursor"):
            time.sleep(_POLL_SECONDS)
        query.update(cursor=page["next"], tail=None)
