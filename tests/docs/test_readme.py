import os
import subprocess
from pathlib import Path

import pytest

from documents import ROOT, commands, rows, shell_blocks
from server_process import ServerProcess
from stepflow.events import Log
from stepflow.timeline import Parser, ParserOptions

README = ROOT / "README.md"
MARKERS = ROOT / "docs/markers.md"
# `make` is in test_project, and installing is in tests/deploy.
ELSEWHERE = ("make ", "pip ", "PYTHONPATH=", "docker ")
BLOCKS = [block for block in shell_blocks(README) if not block.startswith(ELSEWHERE)]
SPELLINGS = [
    spelling.strip("`")
    for row in rows(README, "a script prints") + rows(MARKERS, "marker")
    for spelling in row[0].split(" or ")
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[-1][:40])
def test_what_the_readme_says_to_type_works(block: str, tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server") as server:
        server.ended(server.create("echo before"))
        typed = subprocess.run(
            ["bash", "-euc", block.replace("localhost:8080", f"localhost:{server.port}")],
            cwd=ROOT,
            env={**os.environ, "STEPFLOW_STORAGE_PATH": str(server.storage)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert typed.returncode == 0, typed.stderr
    assert '"error"' not in typed.stdout


def test_the_readme_shows_nothing_that_is_not_run_by_a_test() -> None:
    shown = [command for command in commands(README) if command.startswith(ELSEWHERE)]
    assert shown == [
        "make run",
        "make test",
        "pip install .",
        "pip install -r requirements.txt",
        "PYTHONPATH=. python3 app/main.py",
        "docker compose up -d",
    ]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_marker_that_is_shown_is_understood(spelling: str) -> None:
    parser = Parser(ParserOptions(), with_lines=True)
    events = parser.feed(b"STEP_START:Compile\n" + spelling.encode() + b"\n")
    assert len(events) > 1
    assert not any(isinstance(event, Log) for event in events)


def test_the_example_says_each_marker_of_the_readme(tmp_path: Path) -> None:
    said = (ROOT / "examples/build.sh").read_text()
    for row in rows(README, "a script prints"):
        assert row[0].strip("`").partition(":")[0] + ":" in said
