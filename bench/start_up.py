"""How long it takes until something is there: the server, a command, the help.

In turns with the least that could be there: a bare Starlette route, `true`, a bare Python.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bare_server import BareServer
from ground import Ground
from row import Row, at_most
from spread import in_turns, median

# The interpreter's own start is in all of these, as a user has it.
STEPFLOW = [sys.executable, "-m", "stepflow"]


def rows(ground: Ground) -> Iterator[Row]:
    rounds = 2 * ground.sizes.rounds
    starts = in_turns(rounds, serve=lambda: _serve(ground), bare=lambda: _bare(ground))
    yield Row(
        name="start_up.serve",
        value=median(starts["serve"]),
        unit="s to the first 200",
        against=median(starts["bare"]),
        beside="a bare Starlette on uvicorn",
        goal=at_most(0.8),
        note=f"best {min(starts['serve']):.2f} s",
    )
    helps = in_turns(
        rounds, help=_timed([*STEPFLOW, "--help"]), python=_timed([sys.executable, "-c", "pass"])
    )
    yield Row(
        name="start_up.help",
        value=1000 * median(helps["help"]),
        unit="ms for `stepflow --help`",
        against=1000 * median(helps["python"]),
        beside="ms for python -c pass",
        goal=at_most(150),
    )
    with ground.server("start-up") as server:
        run = [*STEPFLOW, "run", "--", "true"]
        runs = in_turns(
            rounds,
            served=_timed(run, server.environment, server.folder),
            alone=lambda: _without_server(ground, run),
            bare=_timed(["true"]),
        )
    bare = median(runs["bare"])
    yield Row(
        name="start_up.run_with_server",
        value=median(runs["served"]) - bare,
        unit="s of `stepflow run -- true` over bare",
        goal=at_most(0.2),
    )
    yield Row(
        name="start_up.run_without_server",
        value=median(runs["alone"]) - bare,
        unit="s of `stepflow run -- true` over bare",
        goal=at_most(0.8),
    )


def _serve(ground: Ground) -> float:
    server = ground.server("serve")
    began = time.perf_counter()
    with server:
        taken = time.perf_counter() - began
    shutil.rmtree(server.folder)
    return taken


def _bare(ground: Ground) -> float:
    began = time.perf_counter()
    with BareServer(ground.path("bare")):
        return time.perf_counter() - began


def _timed(
    command: list[str], environment: dict[str, str] | None = None, folder: Path | None = None
) -> Callable[[], float]:
    def run() -> float:
        began = time.perf_counter()
        subprocess.run(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        return time.perf_counter() - began

    return run


def _without_server(ground: Ground, run: list[str]) -> float:
    """In a folder of its own: each time a private server has to be started."""
    folder = ground.path(f"alone-{time.time_ns()}")
    storage = {"STEPFLOW_STORAGE_PATH": str(folder / "storage"), "_STEPFLOW_IDLE_SECONDS": "0.5"}
    bare = {k: v for k, v in os.environ.items() if not k.startswith("STEPFLOW_")}
    return _timed(run, {**bare, **storage}, folder)()
