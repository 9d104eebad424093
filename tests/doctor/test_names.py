"""What is looked at has a name in every language of the page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    *(ROOT / "src/stepflow/doctor").glob("*.py"),
    ROOT / "src/stepflow/web/doctor.py",
    ROOT / "src/stepflow/cli/doctor.py",
]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_name_of_a_finding_is_in_the_catalogue(language: str) -> None:
    made = re.compile(r'\b(?:ok|warning|problem|Finding)\(\s*"([^"]+)"')
    names = {name for source in SOURCES for name in made.findall(source.read_text())}
    assert len(names) > 10
    catalogue = (ROOT / f"ui/src/words/{language}/system.ts").read_text(encoding="utf-8")
    found = re.search(r"names: \{(.*?)\}", catalogue, re.DOTALL)
    assert found is not None
    assert set(re.findall(r'^\s+"?([a-z][a-z -]*?)"?: "', found[1], re.MULTILINE)) == names
