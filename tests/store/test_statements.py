"""The text that the store runs on is what the tables say, and needs nothing else to be there."""

import subprocess
import sys
from pathlib import Path

from stepflow.store import compiled
from stepflow.store.statements import module, statements


def test_the_compiled_statements_are_those_of_the_tables() -> None:
    written = Path(compiled.__file__).read_text(encoding="utf-8")
    assert written == module(), "run python -m stepflow.store.statements"


def test_each_statement_is_there_by_its_name() -> None:
    for name, text in statements().items():
        assert getattr(compiled, name).split() == text.split()


def test_a_server_starts_without_sqlalchemy() -> None:
    said = "import sys, stepflow.server; print('sqlalchemy' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, check=True
    ).stdout
    assert found == "False\n"
