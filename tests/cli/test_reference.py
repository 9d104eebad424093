from pathlib import Path

from stepflow.cli.reference import markdown

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_document_holds_every_command_and_option_and_nothing_else() -> None:
    assert DOCUMENT.read_text() == markdown(), "python -m stepflow.cli.reference > docs/cli.md"
