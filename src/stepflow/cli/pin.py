"""`stepflow pin`: keeps executions from every rule of retention."""

import json
import sys

from stepflow.cli import connection
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.execution import path_of


def arguments(parser: Arguments) -> None:
    parser.add_argument("executions", nargs="+", metavar="ID", help="one or several")
    parser.add_json("the answers")
    parser.add_place()


def main(options: Options) -> int:
    return ask("POST", options)


def ask(method: str, options: Options) -> int:
    client = connection.viewer(options)
    answers = []
    for word in options.executions:
        answers.append(client.ask(method, f"{path_of(client, word)}/pin"))
        if not options.json:
            sys.stdout.write(f"{answers[-1]['message']}\n")
    if options.json:
        sys.stdout.write(json.dumps(answers, ensure_ascii=False, indent=2) + "\n")
    return 0
