import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from stepflow.cli.ls import table

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def execution(name: str) -> dict[str, object]:
    return {
        "id": "01a2093c-0252-7080-ab8f-9348f2c20fb5",
        "name": name,
        "status": "failed",
        "outcome": {"kind": "failed", "exit_code": 9},
        "outcome_text": "failed with exit code 9",
        "step_strip": ["completed", "failed"],
        "failed_steps": 1,
        "created_at": "2026-01-01T11:58:00.000000Z",
        "started_at": "2026-01-01T11:58:00.000000Z",
        "duration_seconds": 64.0,
    }


@pytest.mark.parametrize("width", [80, 110, 200])
def test_only_the_name_gives_way_when_the_terminal_is_narrow(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    console.print(table([execution("a very long name " * 20)], NOW, width))
    assert isinstance(console.file, io.StringIO)
    row = console.file.getvalue().splitlines()[1]
    for cell in ("01a2093c-0252 ", "failed with exit code 9", "2 min ago", "1 min 04 s"):
        assert cell in row
    assert "…" in row
