"""`stepflow ls`: a page of the list, newest first, as a table, plain columns or JSON."""

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from stepflow.cli import connection, words
from stepflow.cli.arguments import Arguments, Options, seconds
from stepflow.cli.client import Client, Json

if TYPE_CHECKING:
    from rich.table import Table

_DEFAULT_LIMIT = 20
_PAGE_LIMIT = 1000


def arguments(parser: Arguments) -> None:
    parser.add_argument("--status", help="pending, running, completed, failed, cancelled; or a,b")
    parser.add_argument("--name", help="only executions of this name")
    parser.add_argument("--tag", help="only executions with this tag")
    parser.add_argument("--user", help="only this user's")
    parser.add_argument(
        "--search", metavar="WORDS", help="words of the name, the command, the tags"
    )
    parser.add_argument(
        "--within", type=seconds, metavar="TIME", help="only those made in the last 1h, 7d"
    )
    parser.add_argument(
        "-n",
        "--limit",
        type=int,
        default=_DEFAULT_LIMIT,
        metavar="N",
        help="how many (default: 20)",
    )
    parser.add_argument("--all", action="store_true", help="as many as there are")
    parser.add_json("the list")
    parser.add_place()


def main(options: Options) -> int:
    client = connection.viewer(options)
    page = executions(client, options)
    if options.json:
        sys.stdout.write(json.dumps(page, ensure_ascii=False, indent=2) + "\n")
    elif not sys.stdout.isatty():
        for one in page["executions"]:
            sys.stdout.write("\t".join(plain(one)) + "\n")
    elif not page["executions"]:
        sys.stdout.write("no executions: stepflow run -- COMMAND makes one\n")
    else:
        _print_table(page)
    return 0


def executions(client: Client, options: Options) -> Json:
    """One answer in the shape of the API, of as many pages as the limit needs."""
    since = None
    if options.within:
        from datetime import timedelta

        since = (words.clock() - timedelta(seconds=options.within)).isoformat()
    query = {
        "status": options.status,
        "name": options.name,
        "tag": options.tag,
        "user": options.user,
        "q": options.search,
        "since": since,
    }
    wanted = None if options.all else options.limit
    found: list[Json] = []
    cursor: str | None = None
    while True:
        limit = _PAGE_LIMIT if wanted is None else min(_PAGE_LIMIT, wanted - len(found))
        page: Json = client.ask("GET", "/api/executions", **query, limit=limit, cursor=cursor)
        found += page["executions"]
        cursor = page["next"]
        if cursor is None or (wanted is not None and len(found) >= wanted):
            return {**page, "executions": found, "count": len(found)}


def plain(execution: Json) -> list[str]:
    """Tab-separated for other programs: whole ids, times as they are."""
    return [
        execution["id"],
        execution["status"],
        execution["created_at"],
        f"{execution.get('duration_seconds') or 0:.3f}",
        execution["name"].replace("\t", " ").replace("\n", " "),
    ]


def _print_table(page: Json) -> None:
    from stepflow.cli.console import ScriptConsole

    console = ScriptConsole()
    console.print(table(page["executions"], words.clock(), console.width))
    if page["has_more"]:
        total = page["total_count"]
        more = "more" if total is None else words.count(total - page["count"], "more", "more")
        console.print(f"{more}: stepflow ls --all", style="bright_black")


def table(executions: list[Json], now: datetime, width: int) -> "Table":
    from rich.table import Table
    from rich.text import Text

    from stepflow.cli import drawing

    drawn = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bright_black", expand=True
    )
    drawn.add_column("ID", style="bright_black", no_wrap=True)
    drawn.add_column("NAME", no_wrap=True, overflow="ellipsis", ratio=1, min_width=12)
    drawn.add_column("OUTCOME", no_wrap=True, overflow="ellipsis", max_width=34)
    if width >= 100:
        drawn.add_column("STEPS", no_wrap=True)
    drawn.add_column("STARTED", no_wrap=True, style="bright_black")
    drawn.add_column("TIME", no_wrap=True, justify="right", style="bright_black")
    for one in executions:
        mark, colour = words.sign(one["status"])
        if one["status"] == "completed" and one.get("failed_steps"):
            mark, colour = "▲", "yellow"
        cells = [
            Text(words.short(one["id"])),
            Text.assemble((f"{mark} ", colour), one["name"].partition("\n")[0]),
            Text(said(one), colour),
            *([drawing.strip(one.get("step_strip") or [])] if width >= 100 else []),
            Text(words.ago(one.get("started_at") or one["created_at"], now)),
            Text(words.duration(one.get("duration_seconds"))),
        ]
        drawn.add_row(*cells)
    return drawn


def said(execution: Json) -> str:
    """What became of it, or where it stands."""
    if execution["status"] == "pending" and execution.get("queue_place"):
        return words.queued(execution)
    text = str(execution.get("outcome_text") or execution["status"])
    if execution["status"] == "completed" and execution.get("failed_steps"):
        return f"{text}, {words.count(execution['failed_steps'], 'step')} failed"
    return text
