"""`stepflow wait`: comes back when executions have ended, with the exit code of the last named."""

import json
import sys
import time

from stepflow.cli import connection
from stepflow.cli.arguments import Arguments, Options, seconds
from stepflow.cli.execution import path_of
from stepflow.cli.outcome import TIMED_OUT, exit_code
from stepflow.cli.screen import Silent
from stepflow.errors import StepflowError


def arguments(parser: Arguments) -> None:
    parser.add_argument("executions", nargs="+", metavar="ID", help="one or several")
    parser.add_argument(
        "--timeout", type=seconds, metavar="TIME", help="wait no longer; they go on, exit code 124"
    )
    parser.add_json("the ended executions")
    parser.add_place()
    parser.epilog = "The exit code is that of the last one named, as `stepflow run` gives it."


class Deadline(StepflowError):
    """The time is over."""

    exit_code = TIMED_OUT


class _Patient(Silent):
    """Shows nothing, and gives up in time."""

    def __init__(self, until: float | None, seconds_given: float | None) -> None:
        self._until = until
        self._seconds_given = seconds_given
        self.tick_seconds = 0.1

    def tick(self, _absent_seconds: float | None) -> None:
        if self._until is not None and time.monotonic() >= self._until:
            raise Deadline(f"not over after {self._seconds_given:g} s; it goes on")


def main(options: Options) -> int:
    from stepflow.cli.follow import Follower

    client = connection.viewer(options)
    until = time.monotonic() + options.timeout if options.timeout else None
    ended = []
    paths = [path_of(client, word) for word in options.executions]
    for path in paths:
        screen = _Patient(until, options.timeout)
        ended.append(Follower(client, path, screen, connection.reviver(client)).follow())
    if options.json:
        sys.stdout.write(json.dumps(ended, ensure_ascii=False, indent=2) + "\n")
    return exit_code(ended[-1])
