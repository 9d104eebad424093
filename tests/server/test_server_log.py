import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from stepflow.server.logs import start_logging


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield tmp_path / "logs/stepflow.log"
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_has_its_level_in_capitals_and_its_facts(file: Path) -> None:
    start_logging("INFO", file)
    structlog.get_logger("stepflow.store").warning("disk slow", path="/x")
    assert file.read_text().endswith(" WARNING stepflow.store: disk slow path=/x\n")


def test_a_number_at_the_end_of_a_message_is_the_last_word(file: Path) -> None:
    start_logging("INFO", file)
    structlog.get_logger("stepflow.server").info("performance of a database read in ms 0.42")
    assert file.read_text().split()[-1] == "0.42"


def test_the_level_filters_other_libraries_too(file: Path) -> None:
    start_logging("ERROR", file)
    logging.getLogger("uvicorn").warning("no")
    structlog.get_logger("stepflow").info("no")
    logging.getLogger("uvicorn").error("yes")
    assert file.read_text().endswith(" ERROR uvicorn: yes\n")
    assert "no" not in file.read_text().split()


def test_an_exception_is_logged_with_its_trace(file: Path) -> None:
    start_logging("INFO", file)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("stepflow").exception("failed")
    assert "ValueError: broken" in file.read_text()
