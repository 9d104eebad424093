import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stepflow.cli import COMMANDS, parser_of

REPOSITORY = Path(__file__).parents[2]
OLD_PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.8.*/bin/python"))
ENTRY_POINTS = ["app/main.py", "src/stepflow/__main__.py"]


def stepflow(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stepflow", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_lists_every_command() -> None:
    answer = stepflow("--help")
    assert all(re.search(rf"^  {name} ", answer.stdout, re.M) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    assert parser_of(name).format_help().startswith(f"Usage: stepflow {name}")


def test_an_unknown_command_names_the_nearest() -> None:
    answer = stepflow("lgos")
    assert answer.returncode == 2
    assert "there is no command 'lgos' (did you mean logs?)" in answer.stderr


def test_help_costs_less_than_150_ms() -> None:
    def took() -> float:
        began = time.perf_counter()
        stepflow("--help")
        return time.perf_counter() - began

    assert min(took() for _ in range(5)) < 0.15


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"serve"}))
def test_a_viewer_imports_no_database(name: str) -> None:
    code = f"import sys; from stepflow.cli import command; command({name!r}); print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"sqlalchemy", "alembic", "sqlite3"} & set(modules)


def test_run_imports_neither_httpx_nor_rich() -> None:
    code = "import sys; from stepflow.cli import command; command('run'); print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"httpx", "rich", "asyncio", "typer"} & set(modules)


@pytest.mark.parametrize("path", ENTRY_POINTS)
@pytest.mark.skipif(not OLD_PYTHONS, reason="there is no Python 3.8 here")
def test_an_old_python_says_what_is_needed(path: str) -> None:
    command = [OLD_PYTHONS[0], "-B", REPOSITORY / path]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "needs 3.11 or newer; this is Python 3.8" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_guide_finds_exactly_one_level_to_change() -> None:
    assert (REPOSITORY / "app" / "main.py").read_text().count("logging.INFO") == 1
