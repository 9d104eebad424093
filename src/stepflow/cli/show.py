"""`stepflow show`: everything about one execution but its output."""

import json
import sys
from typing import TYPE_CHECKING

from stepflow.cli import connection, words
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.client import Json
from stepflow.cli.execution import path_of
from stepflow.cli.view import View

if TYPE_CHECKING:
    from rich.text import Text

_PLAIN_WIDTH = 200
_MORE_LINES = 20
_BELOW = "\n" + " " * 12
_ANNOTATIONS = 20
_FAILED = 20
_TESTS = 1000


def arguments(parser: Arguments) -> None:
    parser.add_execution()
    parser.add_json("the execution with its steps, artifacts and remarks")
    parser.add_place()


def main(options: Options) -> int:
    client = connection.viewer(options)
    path = path_of(client, options.execution)
    found = client.ask("GET", path)
    found |= client.ask("GET", f"{path}/summary") | client.ask("GET", f"{path}/metrics")
    found["environment"] = client.ask("GET", f"{path}/outputs")["environment"]
    status = {} if options.json else {"status": "failed"}
    found["tests"] = client.ask("GET", f"{path}/tests", limit=_TESTS, **status)["tests"]
    if options.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
        return 0
    from stepflow.cli.console import ScriptConsole

    width = None if sys.stdout.isatty() else _PLAIN_WIDTH
    console = ScriptConsole(width=width)
    view = View()
    view.apply("snapshot", found)
    for row in page(view, found):
        console.print(row, soft_wrap=True)
    return 0


def page(view: View, found: Json) -> list["Text"]:
    from rich.text import Text

    from stepflow.cli import drawing

    now = words.clock()
    execution = view.execution
    rows = [_title(execution), *_facts(execution)]
    if view.steps:
        rows += [Text(""), Text("Steps", "bold"), *drawing.steps(view, now)]
    if view.artifacts:
        rows += [Text(""), Text("Artifacts", "bold")]
        rows += [drawing.artifact_row(one) for one in view.artifacts.values()]
    if view.annotations:
        rows += [Text(""), Text("Remarks", "bold")]
        rows += [row for one in view.annotations[:_ANNOTATIONS] for row in _annotation_rows(one)]
        if len(view.annotations) > _ANNOTATIONS:
            more = len(view.annotations) - _ANNOTATIONS
            rows.append(Text(f"  {more} more: stepflow show --json", "bright_black"))
    rows += _said(execution, found)
    for diagnostic in execution.get("diagnostics") or []:
        rows.append(Text(f"▲ {diagnostic}", "yellow"))
    return rows


def _said(execution: Json, found: Json) -> list["Text"]:
    """What the script told beside its steps: tests, metrics, outputs, summaries."""
    from rich.text import Text

    from stepflow.cli import drawing

    rows = []
    if counts := execution.get("test_counts"):
        rows += [Text(""), Text("Tests", "bold"), Text(f"  {drawing.tests(counts)}")]
        rows += [row for test in found["tests"][:_FAILED] for row in _test_rows(test)]
        if counts["failed"] > _FAILED:
            rows.append(Text(f"  {counts['failed'] - _FAILED} more failed", "bright_black"))
    if found["metrics"]:
        rows += [Text(""), Text("Metrics", "bold")]
        rows += [_metric_row(series) for series in found["metrics"]]
    if found["outputs"]:
        rows += [Text(""), Text("Outputs", "bold")]
        rows += [
            Text.assemble((f"  {name} ", "bright_black"), drawing.clean(value.replace("\n", " ")))
            for name, value in found["outputs"].items()
        ]
    for summary in found["summaries"]:
        rows += [Text(""), Text("Summary", "bold"), *_summary_rows(summary)]
    return rows


def _test_rows(test: Json) -> list["Text"]:
    from rich.text import Text

    from stepflow.cli import drawing

    mark, colour = words.sign(test["status"])
    rows = [Text.assemble((f"  {mark} ", colour), drawing.clean(str(test["name"])))]
    if test["message"]:
        message = drawing.clean(str(test["message"]).partition("\n")[0])
        rows.append(Text.assemble("    ", (message.plain, "red")))
    return rows


def _metric_row(series: Json) -> "Text":
    from rich.text import Text

    values = [point["value"] for point in series["points"]]
    text = Text.assemble((f"  {series['name']} ", "bright_black"), f"{values[-1]:g}")
    if series["unit"]:
        text.append(f" {series['unit']}")
    if series["count"] > 1:
        spread = f"  {series['count']:,} values, from {min(values):g} to {max(values):g}"
        text.append(spread, "bright_black")
    return text


def _summary_rows(summary: Json) -> list["Text"]:
    from rich.text import Text

    from stepflow.cli import drawing

    if summary["problem"]:
        return [Text(f"  ▲ {summary['problem']}", "yellow")]
    lines = (summary["markdown"] or "").splitlines()
    rows = [Text.assemble("  ", drawing.clean(line)) for line in lines]
    return [*rows, Text("  …", "bright_black")] if summary["truncated"] else rows


def _title(execution: Json) -> "Text":
    from rich.text import Text

    from stepflow.cli import drawing
    from stepflow.cli.ls import said

    mark, colour = words.sign(execution["status"])
    has_issues = execution.get("failed_steps") or execution.get("result") == drawing.WITH_ISSUES
    if execution["status"] == "completed" and has_issues:
        mark, colour = "▲", "yellow"
    return Text.assemble(
        (f"{mark} {execution['name']} ", f"bold {colour}"), (said(execution), colour)
    )


def _facts(execution: Json) -> list["Text"]:
    from rich.text import Text

    facts = {
        "id": execution["id"],
        "command": execution["command"],
        "in": execution.get("working_directory"),
        "user": execution.get("user"),
        "tags": ", ".join(execution.get("tags") or []),
        "started": words.moment(execution.get("started_at")),
        "took": _took(execution),
        "used": _used(execution),
        "output": _output(execution),
        "error": execution.get("error_message"),
        "result": _result(execution),
        "secrets": ", ".join(execution.get("secret_names") or []),
        "rerun of": execution.get("rerun_of"),
        "survivors": execution.get("survivors"),
        **(execution.get("metadata") or {}),
    }
    return [
        Text.assemble((f"  {name:<10}", "bright_black"), str(value).replace("\n", _BELOW))
        for name, value in facts.items()
        if value
    ]


def _took(execution: Json) -> str:
    took = words.duration(execution.get("duration_seconds"))
    limit = execution.get("timeout")
    return f"{took} of at most {words.duration(limit)}" if took and limit else took


def _result(execution: Json) -> str:
    said = [execution.get("result"), execution.get("result_message")]
    return ": ".join(str(one).replace("_", " ") for one in said if one)


def _used(execution: Json) -> str:
    facts = []
    if execution.get("cpu_seconds") is not None:
        facts.append(f"{words.duration(execution['cpu_seconds'])} of CPU")
    if execution.get("memory_peak_bytes"):
        facts.append(f"at most {words.size(execution['memory_peak_bytes'])} of memory")
    return ", ".join(facts)


def _output(execution: Json) -> str:
    lines, size_bytes = execution.get("log_lines") or 0, execution.get("log_bytes") or 0
    text = f"{words.count(lines, 'line')}, {words.size(size_bytes)}" if size_bytes else ""
    return (
        f"{text} (the last lines may be missing)" if execution.get("tail_may_be_missing") else text
    )


def _annotation_rows(annotation: Json) -> list["Text"]:
    """The message with its place in the sources and in the log, its further lines below it."""
    from rich.text import Text

    mark, colour = words.LEVEL_SIGNS.get(annotation["level"], ("●", "bright_black"))
    place = annotation.get("file") or ""
    if place and annotation.get("line") is not None:
        place += f":{annotation['line']}"
    log_line = annotation.get("log_line")
    first, *more = str(annotation["message"]).split("\n")
    row = Text.assemble(
        (f"  {mark} ", colour),
        (f"{place}  " if place else "", "bold"),
        first,
        ("" if log_line is None else f"  line {log_line + 1}", "bright_black"),
    )
    rows = [row, *(Text(f"    {line}") for line in more[:_MORE_LINES])]
    if len(more) > _MORE_LINES:
        hidden = words.count(len(more) - _MORE_LINES, "more line", "more lines")
        rows.append(Text(f"    {hidden}: stepflow show --json", "bright_black"))
    return rows
