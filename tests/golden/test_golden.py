"""Logs of real tools, at once and in pieces, as the page sees them live and as `parse` replays."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from documents import rows
from stepflow.events import Log, as_json
from stepflow.timeline import Parser, ParserOptions

FOLDER = Path(__file__).parent
LOGS = sorted(FOLDER.glob("*.log"))
FOREIGN = {"pip", "npm-ci", "podman-build", "pytest", "gcc", "make-j", "cargo-build", "ansible"}


def told(log: bytes, size: int, *, with_lines: bool) -> list[dict[str, Any]]:
    parser = Parser(ParserOptions(), with_lines=with_lines)
    events = [e for at in range(0, len(log), size) for e in parser.feed(log[at : at + size])]
    events += parser.finish(0)
    return [as_json(event) for event in events if not isinstance(event, Log)]


@pytest.mark.parametrize("with_lines", [True, False], ids=["replayed", "live"])
@pytest.mark.parametrize("size", [1 << 20, 4096, 7, 1])
@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_a_log_says_what_was_found_to_be_right(log: Path, size: int, with_lines: bool) -> None:
    expected = [json.loads(line) for line in log.with_suffix(".jsonl").read_text().splitlines()]
    assert told(log.read_bytes(), size, with_lines=with_lines) == expected


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_a_tool_without_markers_says_nothing(name: str) -> None:
    assert (FOLDER / f"{name}.jsonl").read_text() == ""


def test_every_log_is_told_where_it_came_from_and_is_small() -> None:
    named = {n for row in rows(FOLDER / "README.md", "log") for n in re.findall(r"`(.+?)`", row[0])}
    assert named == {log.stem for log in LOGS}
    assert all(log.stat().st_size <= 64 * 1024 for log in LOGS)
