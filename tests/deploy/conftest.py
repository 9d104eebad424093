import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from installing import Shell, Started, plain_environment

from documents import ROOT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of what is committed."""
    target = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(target)], check=True)
    return target


@pytest.fixture
def shell(clone: Path) -> Shell:
    """Type a line in the clone; what it printed."""

    def type_line(line: str, **environment: str) -> str:
        typed = subprocess.run(
            ["bash", "-euc", line],
            cwd=clone,
            env={**plain_environment(), **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert typed.returncode == 0, typed.stdout + typed.stderr
        return typed.stdout

    return type_line


@pytest.fixture
def started() -> Iterator[Callable[[str, Path], Started]]:
    servers: list[Started] = []

    def start(line: str, folder: Path) -> Started:
        servers.append(Started(line, folder))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
