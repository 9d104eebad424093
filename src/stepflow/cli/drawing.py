"""How executions look on a terminal: pure functions from state to text with colours."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from stepflow.cli import words
from stepflow.cli.client import Json
from stepflow.cli.view import View, is_finished

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAMES_PER_SECOND = 12
TAIL_LINES = 8
ROW_WIDTH = 76
_SILENT_SECONDS = 20
_OSC = re.compile(r"\x1b[\]P^_][^\x07\x1b]*(?:\x07|\x1b\\)?")
_CONTROL = {code: None for code in range(32) if chr(code) not in "\t\r\x1b"} | {127: None}
_DIM = "bright_black"
WITH_ISSUES = "completed_with_issues"
_BAR_WIDTH = 16
_TEST_STATUSES = ("passed", "failed", "skipped", "todo")


def clean(line: bytes | str) -> Text:
    """A line of output as a person sees it: its colours and the last state of a redrawn line stay,
    everything else that would steer the terminal goes."""
    text = line.decode(errors="replace") if isinstance(line, bytes) else line
    text = _OSC.sub("", text.rstrip("\r")).translate(_CONTROL)
    cleaned = Text.from_ansi(text.rpartition("\r")[2], no_wrap=True)
    cleaned.expand_tabs(8)
    return cleaned


def header(execution: Json) -> Text:
    text = Text("▶ ", "bold blue", end="")
    text.append(str(execution["name"]), "bold default")
    text.append(f"  {execution['id']}", _DIM)
    return text


def step_row(
    step: Json,
    now: datetime,
    *,
    depth: int = 0,
    inside: int = 0,
    frame: int | None = None,
    width: int = ROW_WIDTH,
) -> Text:
    """`  ✓ Build    12.3 s`; a spinner for a running step while something redraws it."""
    mark, colour = words.sign(step["status"])
    if step["status"] == "running" and frame is not None:
        mark = SPINNER[frame % len(SPINNER)]
    text = Text("  " * (depth + 1))
    text.append(mark, colour)
    text.append(f" {step['name']}", "bold" if step["status"] in ("failed", "running") else "")
    if step["status"] == "running" and step.get("progress"):
        text.append_text(progress(step["progress"]))
    if step["status"] == "skipped" and step.get("reason"):
        text.append(f"  {step['reason']}", _DIM)
    if inside:
        text.append(f"  {words.count(inside, 'step')} inside", _DIM)
    _to_the_right(text, _step_time(step, now), min(width, ROW_WIDTH))
    return text


def progress(said: Json) -> Text:
    """`  ███▌──── 42 % compiling`, as far as it is known."""
    text = Text()
    value = said.get("value")
    if value is not None:
        eighths = round(min(1.0, max(0.0, value)) * _BAR_WIDTH * 8)
        whole = "█" * (eighths // 8)
        part = " ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else ""
        colour = "red" if said.get("state") == "error" else "blue"
        text.append(f"  {whole}{part}", colour)
        text.append("─" * (_BAR_WIDTH - len(whole + part)), _DIM)
        text.append(f" {value * 100:.0f} %", _DIM)
    if said.get("message"):
        text.append("  " + clean(str(said["message"]).partition("\n")[0]).plain, _DIM)
    return text


def tests(counts: Json) -> str:
    """`118 passed, 2 failed, 1 skipped of 130 tests`; only what there is."""
    found = [f"{counts[status]:,} {status}" for status in _TEST_STATUSES if counts.get(status)]
    if not found:
        found = ["none ended"]
    total = max(counts.get("expected") or 0, counts["total"])
    return f"{', '.join(found)} of {words.count(total, 'test')}"


def _test_facts(execution: Json) -> list[str]:
    counts = execution.get("test_counts")
    return [tests(counts)] if counts else []


def _remark_facts(execution: Json) -> list[str]:
    counts = execution.get("annotation_counts") or {}
    return [
        words.count(counts[level], level) for level in ("error", "warning") if counts.get(level)
    ]


def _step_time(step: Json, now: datetime) -> str:
    if is_finished(step):
        return words.duration(step.get("duration_seconds"))
    if step.get("started_at") is None:
        return ""
    return words.ticking((now - words.time(step["started_at"])).total_seconds())


def _to_the_right(text: Text, ending: str, width: int) -> None:
    room = max(0, width - cell_len(ending) - 2)
    if text.cell_len > room:
        text.truncate(max(8, room), overflow="ellipsis")
    gap = max(2, width - text.cell_len - cell_len(ending))
    if ending:
        text.append(" " * gap + ending, _DIM)


def artifact_row(artifact: Json) -> Text:
    """`  ↧ report.txt  7 B  Test report`, or why there is none."""
    if artifact["state"] == "stored":
        facts = words.size(artifact["file_size"])
    elif artifact["state"] == "link":
        facts = str(artifact["source_path"])
    else:
        facts = f"{artifact['state']}: {artifact.get('problem') or artifact['source_path']}"
    is_here = artifact["state"] in ("stored", "link")
    row = Text.assemble(("  ↧ ", "cyan"), str(artifact["name"]))
    row.append(f"  {facts}", _DIM if is_here else "yellow")
    if artifact.get("description"):
        row.append(f"  {artifact['description']}", _DIM)
    return row


def folded(view: View, step: Json, now: datetime, *, width: int = ROW_WIDTH) -> list[Text]:
    """A finished step in one row; a failed one with the way down to what failed in it."""
    within = [(depth + 1, inner) for depth, inner in view.tree(step["index"])]
    failed = [(depth, inner) for depth, inner in within if inner["status"] == "failed"]
    rows = [step_row(step, now, inside=0 if failed else len(within), width=width)]
    rows += [step_row(inner, now, depth=depth, width=width) for depth, inner in failed]
    if step["status"] == "failed" and step.get("error_message"):
        message = str(step["error_message"]).partition("\n")[0]
        rows.append(Text.assemble("    ", (message, "red")))
    return rows


def live(
    view: View,
    tail: Sequence[Text],
    now: datetime,
    *,
    width: int,
    height: int,
    frame: int,
    held: Sequence[Json] = (),
    silent_seconds: float = 0,
    absent_seconds: float | None = None,
    note: str | None = None,
) -> list[Text]:
    """What is redrawn below the finished part: steps that ended but may yet change, open steps,
    their last lines, one line of state."""
    held_rows = [row for step in held for row in folded(view, step, now, width=width - 1)]
    open_rows = held_rows + [
        step_row(step, now, depth=depth, frame=frame, width=width - 1)
        for depth, step in view.tree()
        if not is_finished(step)
    ]
    footer = _footer(
        view,
        now,
        frame=frame,
        silent_seconds=silent_seconds,
        absent_seconds=absent_seconds,
        note=note,
    )
    room = max(0, min(TAIL_LINES, height - len(footer) - min(len(open_rows), 4) - 2))
    shown = open_rows[-max(1, height - len(footer) - room - 1) :]
    rows = [*shown, *(bar(line) for line in list(tail)[-room:] if room), *footer]
    for row in rows:
        row.truncate(max(1, width - 1), overflow="ellipsis")
    return rows


def bar(line: Text, colour: str = _DIM) -> Text:
    return Text.assemble(("  │ ", colour), line)


def _footer(
    view: View,
    now: datetime,
    *,
    frame: int,
    silent_seconds: float,
    absent_seconds: float | None,
    note: str | None,
) -> list[Text]:
    execution = view.execution
    text = Text("  ")
    text.append(SPINNER[frame % len(SPINNER)], "blue")
    facts = []
    if execution.get("started_at"):
        facts.append(words.ticking((now - words.time(execution["started_at"])).total_seconds()))
        facts.append(words.count(view.line_count, "line"))
        facts += _test_facts(execution) + _remark_facts(execution)
        if execution.get("eta_seconds") is not None:
            facts.append(f"about {words.ticking(_left(execution, now))} left")
        if silent_seconds >= _SILENT_SECONDS:
            facts.append(f"no output for {words.ticking(silent_seconds)}")
    elif execution.get("queue_place"):
        facts.append(f"waiting for a free place: {words.queued(execution)}")
    else:
        facts.append("starting")
    text.append(" " + " · ".join(facts), _DIM)
    rows = [text]
    if execution.get("progress"):
        rows.insert(0, progress(execution["progress"]))
    if absent_seconds is not None and absent_seconds >= 0.5:
        words_of_it = f"the server is away for {words.ticking(absent_seconds)}; the script goes on"
        rows.append(Text(f"  {words_of_it}", "yellow"))
    if note:
        rows.append(Text(f"  {note}", "yellow"))
    return rows


def _left(execution: Json, now: datetime) -> float:
    """The time that is left, less what passed since the server said it."""
    passed = (now - words.time(execution["started_at"])).total_seconds()
    said_after = execution.get("duration_seconds") or passed
    return max(0.0, float(execution["eta_seconds"]) - max(0.0, passed - said_after))


def ending(view: View) -> Text:
    """The last line: what became of it."""
    execution = view.execution
    mark, colour = words.sign(view.status)
    failed = len([step for step in view.steps.values() if step["status"] == "failed"])
    has_issues = execution.get("result") == WITH_ISSUES
    if view.status == "completed" and (failed or has_issues):
        mark, colour = "▲", "yellow"
    text = Text()
    text.append(f"{mark} {execution['name']} ", f"bold {colour}")
    text.append(str(execution.get("outcome_text") or view.status), colour)
    if view.status == "completed" and failed:
        text.append(f", {words.count(failed, 'step')} failed", colour)
    if view.status == "completed" and has_issues:
        said = execution.get("result_message")
        text.append(f", with issues{f': {said}' if said else ''}", colour)
    facts = []
    if execution.get("duration_seconds") is not None:
        facts.append(words.duration(execution["duration_seconds"]))
    facts.append(words.count(view.line_count, "line"))
    facts += _test_facts(execution) + _remark_facts(execution)
    if view.artifacts:
        facts.append(words.count(len(view.artifacts), "artifact"))
    text.append(" · " + " · ".join(facts), _DIM)
    return text


def advice(view: View) -> Text | None:
    """What to look at next, where something is wrong."""
    if view.status == "completed" and not view.failed():
        return None
    identity = words.short(view.execution["id"])
    return Text(f"  stepflow show {identity} · stepflow logs {identity}", _DIM)


def context(title: str, lines: Iterable[Text]) -> list[Text]:
    """The last lines of what failed, under their title."""
    return [
        Text(f"  Last lines of {title}", "bold"),
        *(bar(line, "red") for line in lines),
    ]


def steps(view: View, now: datetime) -> list[Text]:
    """The whole tree, as `show` prints it."""
    rows = []
    for depth, step in view.tree():
        rows.append(step_row(step, now, depth=depth))
        if step["status"] == "failed" and step.get("error_message"):
            indent = "  " * (depth + 2)
            lines = str(step["error_message"]).split("\n")
            rows += [Text.assemble(indent, (line, "red")) for line in lines]
    return rows


def strip(statuses: Sequence[str]) -> Text:
    """One cell for each top-level step; a long row is cut in the middle of its past."""
    shown = list(statuses[-12:])
    text = Text("…" if len(statuses) > len(shown) else "", _DIM)
    for status in shown:
        mark, colour = words.sign(status)
        text.append(mark, Style.parse(colour))
    return text
