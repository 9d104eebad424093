"""Pin what is installed: hash-locked lists for tools, plain pins for the guide's `pip install`.

No list holds an address of a registry, so each works wherever its user's pip is told to look.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTS = {
    "run": ["pyproject.toml"],
    "setup": ["pyproject.toml", "--group", "build"],
    "dev": ["pyproject.toml", "--group", "build", "--group", "dev"],
    "node": ["--group", "node"],
}
PLAIN = """\
# Written by `make lock`: the product itself, beside its pinned dependencies.
.
{pins}
# The deployment guide looks for it with `pip list | grep aiosqlite`; nothing here imports it.
aiosqlite==0.22.1
"""


def main() -> None:
    for name, sources in LISTS.items():
        options = ["--generate-hashes", "--no-emit-index-url", "--no-header", "--upgrade"]
        options += ["--python-version", "3.11", "-o", f"requirements/{name}.txt"]
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", "-q", *sources, *options],
            cwd=ROOT,
            check=True,
        )
    pins = re.findall(r"^(\S+==\S+)", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE)
    (ROOT / "requirements.txt").write_text(PLAIN.format(pins="\n".join(pins)))


if __name__ == "__main__":
    main()
