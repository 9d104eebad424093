"""Storage folders for the command line, and the servers that come to be there."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import Cli

from eventually import eventually


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """Nothing runs yet: the first command starts a private server."""
    made = Cli(tmp_path, tmp_path / "storage")
    yield made
    made.end_server()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """With a server that stays, for tests that do not touch it."""
    directory = tmp_path_factory.mktemp("cli")
    made = Cli(directory, directory / "storage")
    server = subprocess.Popen(
        made.command("serve", "--port", "0", "--websocket-port", "0"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
        env=made.environment,
    )
    eventually((made.storage / "stepflow.sock").exists, within=20)
    yield made
    server.terminate()
    server.wait(20)
