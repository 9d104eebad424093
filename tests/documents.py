"""The repository as its readers see it: tracked files, and the commands that documents name."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def tracked(*patterns: str) -> list[Path]:
    """Files under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def shell_blocks(document: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


def commands(document: Path) -> list[str]:
    """The lines of all shell blocks, without their comments."""
    lines = "\n".join(shell_blocks(document)).replace("\\\n", " ").splitlines()
    return [command for line in lines if (command := re.sub(r"\s+#.*", "", line).strip())]


def rows(document: Path, title: str) -> list[list[str]]:
    """The cells of the table whose first column has this title."""
    table = re.search(
        rf"^\| {re.escape(title)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", document.read_text(), re.MULTILINE
    )
    assert table, f"{document.name} has no table of {title!r}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table[1].splitlines()]
