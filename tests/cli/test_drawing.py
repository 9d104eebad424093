import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from stepflow.cli import drawing
from stepflow.cli.view import View

NOW = datetime(2026, 3, 1, 10, 1, 17, tzinfo=UTC)


def step(index: int, name: str, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "index": index,
        "name": name,
        "status": status,
        "started_at": "2026-03-01T10:01:05.000000Z",
        "duration_seconds": 1.25,
        "first_line": index * 10,
        "last_line": None if status == "running" else index * 10 + 9,
        "parent_index": None,
        **more,
    }


def view(*steps: dict[str, Any], **execution: Any) -> View:
    shown = View()
    whole = {
        "id": "0195a1b2-c3d4-7000-8000-000000000001",
        "name": "nightly",
        "status": "running",
        "started_at": "2026-03-01T10:00:00.000000Z",
        "log_bytes": 5000,
        "log_lines": 42,
        **execution,
    }
    shown.apply("snapshot", {"execution": whole, "steps": list(steps), "artifacts": []})
    return shown


def drawn(rows: list[Text] | Text, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    for row in [rows] if isinstance(rows, Text) else rows:
        console.print(row, soft_wrap=True)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def drawn_in_colour(text: Text) -> str:
    console = Console(force_terminal=True, color_system="standard")
    with console.capture() as captured:
        console.print(text)
    return captured.get()


def test_a_running_execution_shows_open_steps_last_lines_and_state() -> None:
    shown = view(step(0, "Fetch"), step(1, "Test", "running"))
    rows = drawing.live(
        shown, [Text("test_a ok"), Text("test_b ok")], NOW, width=80, height=24, frame=0
    )
    assert drawn(rows) == (
        "  ⠋ Test                                                                12 s\n"
        "  │ test_a ok\n"
        "  │ test_b ok\n"
        "  ⠋ 1 min 17 s · 42 lines\n"
    )


def test_a_small_terminal_keeps_the_state_and_never_overflows() -> None:
    shown = view(*(step(number, f"Step {number}", "running") for number in range(30)))
    rows = drawing.live(shown, [Text("x" * 500)] * 8, NOW, width=20, height=6, frame=0)
    assert len(rows) <= 5
    assert all(len(row.plain) < 20 for row in rows)
    assert rows[-1].plain.startswith("  ⠋ 1 min")


def test_silence_and_an_absent_server_are_said() -> None:
    rows = drawing.live(
        view(), [], NOW, width=100, height=24, frame=0, silent_seconds=45, absent_seconds=3.2
    )
    assert "no output for 45 s" in drawn(rows)
    assert "the server is away for 3 s; the script goes on" in drawn(rows)


def test_a_queued_execution_tells_its_place() -> None:
    shown = view(status="pending", started_at=None, queue_place=3)
    rows = drawing.live(shown, [], NOW, width=100, height=24, frame=0)
    assert "number 3 in the queue" in drawn(rows)
    shown = view(status="pending", started_at=None, queue_place=3, starts_in_seconds=100)
    rows = drawing.live(shown, [], NOW, width=100, height=24, frame=0)
    assert "number 3 in the queue, starts in about 1 min 40 s" in drawn(rows)


def test_a_finished_step_folds_into_one_row() -> None:
    shown = view(step(0, "Build"), step(1, "compile", parent_index=0))
    row = drawn(drawing.folded(shown, shown.steps[0], NOW))
    assert row.split() == ["✓", "Build", "1", "step", "inside", "1.2", "s"]


def test_a_failed_step_shows_the_way_down_and_why() -> None:
    shown = view(
        step(0, "Build", "failed", error_message="no cc\nmore"),
        step(1, "fetch", parent_index=0),
        step(2, "compile", "failed", parent_index=0),
    )
    names = drawn(drawing.folded(shown, shown.steps[0], NOW)).split()
    assert names == ["✗", "Build", "1.2", "s", "✗", "compile", "1.2", "s", "no", "cc"]


def test_the_ending_says_what_became_of_it() -> None:
    shown = view(
        step(0, "Build", "failed"),
        status="failed",
        outcome_text="failed with exit code 3",
        duration_seconds=77.0,
    )
    assert drawn(drawing.ending(shown), 200) == (
        "✗ nightly failed with exit code 3 · 1 min 17 s · 42 lines\n"
    )


def test_a_completed_execution_with_a_failed_step_is_no_plain_success() -> None:
    shown = view(step(0, "Lint", "failed"), status="completed", outcome_text="succeeded")
    assert drawn(drawing.ending(shown), 200).startswith("▲ nightly succeeded, 1 step failed")


def test_a_long_name_gives_way_to_the_time() -> None:
    row = drawing.step_row(step(0, "x" * 200), NOW, width=40)
    assert row.cell_len == 40
    assert row.plain.endswith("…  1.2 s")


def test_wide_characters_keep_the_times_in_line() -> None:
    row = drawing.step_row(step(0, "构建"), NOW)
    assert row.cell_len == drawing.step_row(step(0, "Build"), NOW).cell_len


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"10%\r50%\r100%", "100%"),
        (b"done\r", "done"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]52;c;aGk=\x1b\\text", "text"),
        (b"\x1b[2J\x1b[Htext", "text"),
        (b"a\x00\x07\x08b", "ab"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[bold]not markup[/bold]", "[bold]not markup[/bold]"),
    ],
)
def test_a_line_can_colour_but_not_steer_the_terminal(line: bytes, expected: str) -> None:
    assert drawing.clean(line).plain == expected


def test_colours_of_a_line_stay() -> None:
    assert "31m" in drawn_in_colour(drawing.clean(b"\x1b[31mred\x1b[0m"))
