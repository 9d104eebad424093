"""`stepflow prune`: removes what the rules of retention say, or shows what that is."""

import json
import sys

from stepflow.cli import connection, words
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.client import Json

_MOST_SHOWN = 20


def arguments(parser: Arguments) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show what would go, remove nothing")
    parser.add_json("the answer")
    parser.add_place()
    parser.epilog = (
        "The rules are the server's: STEPFLOW_RETENTION_DAYS, _COUNT, _BYTES, _TAGS. What runs,\n"
        "what is pinned and what has an artifact to be kept longer always stays."
    )


def main(options: Options) -> int:
    client = connection.viewer(options)
    answer = client.ask("POST", "/api/retention/prune", {"dry_run": options.dry_run})
    if options.json:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
        return 0
    if not _has_rule(client.ask("GET", "/api/retention")["rules"]):
        sys.stdout.write("no rule says what to remove: set STEPFLOW_RETENTION_DAYS, for example\n")
        return 0
    sys.stdout.write(_text(answer))
    return 0


def _has_rule(rules: Json) -> bool:
    return any(value is not None and value != {} for value in rules.values())


def _text(answer: Json) -> str:
    lines = []
    gone = [*answer["executions"], *answer["artifacts"]]
    for one in gone[:_MOST_SHOWN]:
        size = words.size(one["size_bytes"])
        lines.append(f"  {words.short(one['id'])}  {size:>8}  {one['name']}: {one['reason']}")
    count = answer["execution_count"] + answer["artifact_count"]
    if count > _MOST_SHOWN:
        lines.append(f"  and {count - _MOST_SHOWN:,} more (--json names up to 1,000)")
    verb = "would be removed" if answer["dry_run"] else "removed"
    of = f"{words.count(answer['execution_count'], 'execution')} and"
    of += f" {words.count(answer['artifact_count'], 'single artifact')}"
    lines.append(f"{of} {verb}, {words.size(answer['freed_bytes'])}")
    if answer["pinned_count"]:
        lines.append(f"{words.count(answer['pinned_count'], 'pinned execution')} stay")
    return "\n".join([*lines, ""])
