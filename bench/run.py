"""Measures all parts, or those that are named, each beside something of the same minute.

python bench/run.py [part …] [--size small|usual|full] [--folder DIR]
"""

import argparse
import importlib
import os
import shutil
import signal
import sys
import tempfile
import traceback
from dataclasses import fields, replace
from pathlib import Path

import structlog
from rich.console import Console

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
sys.path.insert(0, str(HERE.parent / "tests"))

# Each part is a module here with `rows(ground)`, which yields rows as it gets them.
PARTS = {
    "ingest": "a script that floods, and one that writes line by line",
    "pump": "the pump alone, in C and in Python",
    "markers": "the search for markers in output",
    "executions": "short executions, one after the other",
    "latency": "a thousand scripts that write now and then",
    "recovery": "the server killed and started again with a thousand running",
    "restart": "the server replaced in place with a thousand running",
    "restarts": "twenty times so in a row, with everybody watching",
    "api": "requests per second, and how long one takes",
    "records": "durable records of events",
    "wal": "the write-ahead log under a load of markers and readers",
    "answers": "pages, filters and searches over many executions",
    "viewers": "a thousand viewers of one log",
    "big_log": "windows and searches of a large log",
    "artifact": "a large artifact",
    "stop_on_error": "from a failed critical step to the end of its script",
    "ui": "the log view in a browser",
    "start_up": "how soon the server and the commands are there",
}


def main() -> int:
    from ground import SIZES, Ground, Sizes
    from row import Row, keep, show

    # So that `finally` ends the scripts and removes the folder.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # What is installed has been compiled: a server that compiles itself at each start is nobody's.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    arguments = _arguments(list(SIZES), [field.name for field in fields(Sizes)])
    console = Console(width=max(150, Console().width), highlight=False)
    given = {name: value for name, value in arguments.larger.items() if value is not None}
    measured: list[Row] = []
    failed = []
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=arguments.folder))
    try:
        ground = Ground(folder, replace(SIZES[arguments.size], **given))
        for part in arguments.parts or PARTS:
            load = os.getloadavg()[0]
            console.print(f"[bold]{part}[/]: {PARTS[part]} [dim](load {load:.1f})[/]")
            try:
                for row in importlib.import_module(part).rows(ground):
                    console.print(f"  {row}")
                    keep([row], arguments.results)
                    measured.append(row)
            except Exception:  # noqa: BLE001 (the other parts are measured all the same; we say it)
                traceback.print_exc()
                failed.append(part)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(measured, console)
    if failed:
        console.print(f"[red]not measured: {', '.join(failed)}[/]")
    return 1 if failed else 0


def _arguments(sizes: list[str], fields_of_sizes: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Formatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--size", choices=sizes, default="usual")
    parser.add_argument("--full", dest="size", action="store_const", const="full")
    parser.add_argument("--folder", help="on the disk that is to be measured (default: $TMPDIR)")
    parser.add_argument("--results", type=Path, default=RESULTS)
    for name in fields_of_sizes:
        parser.add_argument(f"--{name.replace('_', '-')}", type=_number, metavar="N")
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)} (there are {', '.join(PARTS)})")
    arguments.larger = {name: getattr(arguments, name) for name in fields_of_sizes}
    return arguments


_Formatter = argparse.RawDescriptionHelpFormatter


def _number(text: str) -> float:
    return float(text) if "." in text else int(text)


if __name__ == "__main__":
    sys.exit(main())
