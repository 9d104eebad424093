"""`stepflow config`: the settings in effect and where each came from."""

import json
import sys

from stepflow.cli import connection
from stepflow.cli.arguments import Arguments, Options


def arguments(parser: Arguments) -> None:
    parser.add_json("the settings")
    parser.add_place()


def main(options: Options) -> int:
    configured = connection.configured(options)
    shown = configured.shown()
    if options.json:
        rows = [{"name": one.name, "value": one.value, "source": one.source} for one in shown]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    else:
        texts = [(one.name, _text(one.value), one.source) for one in shown]
        widths = [max(len(row[column]) for row in texts) for column in (0, 1)]
        for name, value, source in texts:
            sys.stdout.write(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}\n")
    for warning in configured.warnings:
        sys.stderr.write(f"stepflow config: {warning}\n")
    return 0


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ",".join(str(one) for one in value) or "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
