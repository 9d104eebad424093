"""The Chinese pages type what the English ones type, which other tests run."""

import re

from documents import ROOT, commands, rows

ENGLISH = [
    ROOT / "docs" / name for name in ("migration.md", "backup.md", "deployment.md", "operations.md")
]


def test_the_readme_types_the_same_commands_in_both_languages() -> None:
    assert commands(ROOT / "README.zh.md") == commands(ROOT / "README.md")


def test_the_readme_shows_the_same_markers_in_both_languages() -> None:
    ours = [row[0] for row in rows(ROOT / "README.zh.md", "脚本打印")]
    assert ours == [row[0] for row in rows(ROOT / "README.md", "a script prints")]


def test_the_chinese_guide_types_every_command_of_the_english_pages_and_no_other() -> None:
    english = [_one_spaced(one) for page in ENGLISH for one in commands(page)]
    assert [_one_spaced(one) for one in commands(ROOT / "docs/zh/guide.md")] == english


def _one_spaced(command: str) -> str:
    return re.sub(r" +", " ", command)
