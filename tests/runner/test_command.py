import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepflow.runner.command import argv_of


def test_a_list_is_executed_as_it_is() -> None:
    assert argv_of(["echo", "a b", "$x"]) == ["echo", "a b", "$x"]


@pytest.mark.parametrize(
    "command", ["echo $HOME", "a | b", "cd /tmp", "exit 3", "X=1 env", "echo 'a'", "echo ~", "a;b"]
)
def test_what_needs_a_shell_gets_one(command: str) -> None:
    assert argv_of(command) == ["/bin/sh", "-c", command]


def test_a_plain_command_runs_without_a_shell() -> None:
    assert argv_of("python3 -m build --wheel ./x=1") == [
        "python3", "-m", "build", "--wheel", "./x=1"
    ]  # fmt: skip


@given(st.text(alphabet="ab=/.-%+,:@_ 12", min_size=1, max_size=30))
def test_running_directly_means_what_the_shell_means(words: str) -> None:
    command = "printf %s. " + words
    direct = subprocess.run(argv_of(command), capture_output=True, check=False).stdout
    shell = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False).stdout
    assert direct == shell
