import os
import re
import tomllib
from pathlib import Path

import pytest

import stepflow
from documents import ROOT, commands, tracked

LISTS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)
# In two pieces, so that this file does not hold them.
REGISTRIES = [
    ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))
]
# Data in which such words are meant, or which others wrote.
NOT_OURS = {"tests/markers/marker_vectors.jsonl", "ui/package-lock.json"}


def pins(path: Path) -> dict[str, str]:
    return dict(PIN.findall(path.read_text()))


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    released = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert project["version"] == stepflow.__version__
    assert released[0] in ("Unreleased", stepflow.__version__)


def test_every_make_target_is_documented_and_no_other() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    said = commands(ROOT / "README.md") + commands(ROOT / "CONTRIBUTING.md")
    documented = {command.split()[1] for command in said if command.startswith("make ")}
    assert documented == set(phony[1].split()) - {"help"}
    for target in documented:
        assert f"'make {target} " in makefile


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_its_hash(path: Path) -> None:
    for requirement in re.split(r"\n(?=\S)", path.read_text().replace("\\\n", " ")):
        if not requirement.startswith("#"):
            assert PIN.match(requirement), requirement
            assert "--hash=sha256:" in requirement, requirement


def test_all_lists_pin_the_same_versions() -> None:
    run = pins(ROOT / "requirements/run.txt")
    assert pins(ROOT / "requirements.txt") == {**run, "aiosqlite": "0.22.1"}
    for name in ("setup", "dev"):
        assert run.items() <= pins(ROOT / f"requirements/{name}.txt").items()


def test_every_dependency_is_in_the_lists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[><=\[]", one)[0].replace("_", "-") for one in project["dependencies"]}
    assert wanted <= set(pins(ROOT / "requirements/run.txt"))


def test_no_list_says_where_packages_come_from() -> None:
    for path in [*LISTS, ROOT / "requirements.txt"]:
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", path.read_text())
    assert '"resolved"' not in (ROOT / "ui/package-lock.json").read_text()


def test_nothing_names_a_registry_or_a_place_on_one_machine() -> None:
    foreign = re.compile(
        "|".join([*map(re.escape, REGISTRIES), r"/(?:root|work|home/\w+|opt|tmp)/[a-z]"])
    )
    allowed = re.compile(r"/opt/stepflow")
    for path in tracked():
        name = str(path.relative_to(ROOT))
        if name in NOT_OURS or path.suffix in (".png", ".zst", ".bin"):
            continue
        for line in path.read_text().splitlines():
            assert not foreign.search(allowed.sub("", line)), f"{name}: {line}"


def test_documentation_is_at_most_half_as_long_as_the_code() -> None:
    def lines(*patterns: str) -> int:
        return sum(len(path.read_text().splitlines()) for path in tracked(*patterns))

    assert lines("*.md") <= lines("src/*.py", "src/*.c", "app/*.py", "ui/src/*") / 2


def test_what_is_to_be_run_may_be_run() -> None:
    for name in (
        ".ci/run",
        "examples/build.sh",
        "examples/github.sh",
        "examples/gitlab.sh",
        "examples/pipeline.py",
        "scripts/need-chromium",
        "scripts/run-with-example",
    ):
        assert os.access(ROOT / name, os.X_OK), name
