"""docs/scripts.md: what it shows is run, and it names every call."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stepflow.script
from documents import ROOT, rows, shell_blocks
from stepflow.events import Diagnostic, StepEnd, StepStart
from stepflow.timeline import Parser, ParserOptions

DOCUMENT = ROOT / "docs" / "scripts.md"
PROGRAMS = Path(sys.executable).parent


def steps(command: list[str | Path], folder: Path) -> list[tuple[str, str]]:
    """Names and statuses of the steps that a command prints."""
    environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    said = subprocess.check_output(command, cwd=folder, env=environment)
    parser = Parser(ParserOptions())
    events = parser.feed(said) + parser.finish(0)
    assert not [event for event in events if isinstance(event, Diagnostic)]
    assert all(event.reason != "eof" for event in events if isinstance(event, StepEnd))
    ended = {event.index: event.status for event in events if isinstance(event, StepEnd)}
    return [(e.name, ended[e.index]) for e in events if isinstance(e, StepStart)]


def test_the_shell_examples_work(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n%:\n\t@echo making $@\n")
    named = []
    for block in shell_blocks(DOCUMENT):
        named += steps(["bash", "-euc", block.replace("make ", "make -s ")], tmp_path)
    assert sorted(named) == [
        (name, "completed") for name in ("Client", "Compile", "Server", "Unit tests")
    ]


def test_the_python_example_works(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(), re.M | re.S)
    assert steps([sys.executable, "-c", program], tmp_path) == [
        ("Build", "completed"),
        ("Link", "completed"),
        ("Test", "completed"),
    ]


def test_the_example_that_is_shipped_works(tmp_path: Path) -> None:
    named = steps([sys.executable, ROOT / "examples" / "pipeline.py"], tmp_path)
    assert ("Publish", "skipped") in named
    assert {status for name, status in named if name != "Publish"} == {"completed"}


@pytest.mark.parametrize("name", ["github.sh", "gitlab.sh"])
def test_scripts_that_were_written_for_a_ci_need_no_edit(name: str, tmp_path: Path) -> None:
    script = (ROOT / "examples" / name).read_text()
    (tmp_path / name).write_text(re.sub(r"sleep [0-9.]+", "true", script))
    named = steps(["bash", name], tmp_path)
    assert {status for _, status in named} == {"completed"}
    assert len(named) == {"github.sh": 5, "gitlab.sh": 7}[name]


def test_every_call_is_documented_and_no_other() -> None:
    named = {name for row in rows(DOCUMENT, "call") for name in re.findall(r"`(\w+)", row[0])}
    assert named == set(stepflow.script.__all__)
