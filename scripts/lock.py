"""Pin what is installed: hash-locked lists for tools, plain pins for the guide's `pip install`.

No list holds an address of a registry, so each works wherever its user's pip is told to look.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTS = {"run": [], "setup": ["build"], "dev": ["build", "dev"]}
GUIDE_EXTRAS = """\
# The deployment guide looks for it with `pip list | grep aiosqlite`; nothing here imports it.
"""


def main() -> None:
    for name, groups in LISTS.items():
        chosen = [argument for group in groups for argument in ("--group", group)]
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", "-q", "pyproject.toml", *chosen,
             "--generate-hashes", "--no-emit-index-url", "--no-header", "--upgrade",
             "-o", f"requirements/{name}.txt"],
            cwd=ROOT, check=True,
        )  # fmt: skip
    locked = (ROOT / "requirements/run.txt").read_text()
    pins = re.findall(r"^([a-z0-9_.\[\]-]+==[^ \\]+)", locked, re.MULTILINE | re.IGNORECASE)
    header = "# Written by `make lock`. The product itself, beside its pinned dependencies.\n.\n"
    extras = GUIDE_EXTRAS + "aiosqlite==0.22.1\n"
    (ROOT / "requirements.txt").write_text(header + "\n".join(pins) + "\n" + extras)


if __name__ == "__main__":
    main()
