"""`stepflow delete`: removes finished executions for good; asks where somebody can answer."""

import json
import sys

from stepflow.cli import connection
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.client import Json
from stepflow.cli.execution import path_of


def arguments(parser: Arguments) -> None:
    parser.add_argument("executions", nargs="+", metavar="ID", help="one or several")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_json("the answers")
    parser.add_place()


def main(options: Options) -> int:
    client = connection.viewer(options)
    answers = []
    for word in options.executions:
        path = path_of(client, word)
        if sys.stdin.isatty() and not options.yes and not _agreed(client.ask("GET", path)):
            continue
        answers.append(client.ask("DELETE", path))
        if not options.json:
            sys.stdout.write(f"{answers[-1]['message']}\n")
    if options.json:
        sys.stdout.write(json.dumps(answers, ensure_ascii=False, indent=2) + "\n")
    return 0


def _agreed(found: Json) -> bool:
    execution = found["execution"]
    what = f"delete {execution['name']!r} ({execution['id']}), its log"
    if found["artifacts"]:
        what += f" and {len(found['artifacts'])} artifacts"
    sys.stdout.write(f"{what}? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
