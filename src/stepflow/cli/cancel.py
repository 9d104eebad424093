"""`stepflow cancel`: asks a script to stop, or kills it."""

import json
import sys

from stepflow.cli import connection
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.execution import path_of


def arguments(parser: Arguments) -> None:
    parser.add_execution()
    parser.add_argument("--kill", action="store_true", help="SIGKILL now instead of SIGTERM first")
    parser.add_json("the answer")
    parser.add_place()


def main(options: Options) -> int:
    client = connection.viewer(options)
    path = path_of(client, options.execution)
    answer = client.ask("POST", f"{path}/cancel", {"kill": options.kill})
    if options.json:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(f"{answer['message']}\n")
    return 0
