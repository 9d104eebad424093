"""`stepflow verify`: is everything in the storage folder as it should be? Exit code 1 if not."""

import json
import sys

from stepflow.cli import connection, words
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.bar import Bar
from stepflow.cli.migrate import storage_of


def arguments(parser: Arguments) -> None:
    parser.add_argument("--repair", action="store_true", help="do what is safe about what is found")
    parser.add_json("the findings")
    parser.add_argument("--storage-path", metavar="DIR", help="the storage folder")
    parser.epilog = (
        "Reads the database, every log and every artifact. Looking works beside a running server;\n"
        "for --repair stop it first. Repaired is only what can be made anew, or what nobody misses."
        "\n"
        "Exit code 1: something is left that is not as it should be."
    )


def main(options: Options) -> int:
    from contextlib import ExitStack

    from stepflow import verify
    from stepflow.server.logs import start_logging
    from stepflow.server.storage import StorageFolder

    start_logging("ERROR", None)
    storage = storage_of(connection.configured(options))
    bar = Bar()
    with ExitStack() as ending:
        ending.callback(bar.clear)
        if options.repair:
            owned = StorageFolder.take(storage, is_private=False)
            ending.callback(owned.release)
        findings = verify.verify(storage, bar.show)
        repaired: list[verify.Finding] = []
        if options.repair and findings:
            repaired = verify.repair(storage, findings, bar.show)
    shown = [
        {
            "what": one.what,
            "where": one.where,
            "said": one.said,
            "repair": one.remedy,
            "is_repaired": one in repaired,
        }
        for one in findings
    ]
    if options.json:
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(_text(shown, str(storage)))
    return 1 if len(findings) > len(repaired) else 0


def _text(findings: list[dict[str, str | bool | None]], where: str) -> str:
    if not findings:
        return f"✓ {where}: database, logs and artifacts are as they should be\n"
    lines = []
    for one in findings:
        sign = "✓" if one["is_repaired"] else "✗"
        lines.append(f"{sign} {one['what']}: {one['where']}\n    {one['said']}")
        if one["is_repaired"]:
            lines.append("    repaired")
        elif one["repair"]:
            lines.append(f"    with --repair {one['repair']}")
    left = sum(not one["is_repaired"] for one in findings)
    lines.append(f"{words.count(len(findings), 'finding')}, {left:,} left")
    return "\n".join([*lines, ""])
