"""`stepflow artifacts`: what an execution kept, and a way to fetch it, checked against its hash."""

import hashlib
import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from stepflow.cli import connection
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.client import Client, Json, segment
from stepflow.cli.execution import path_of
from stepflow.errors import InvalidRequest, NotFound, StepflowError

if TYPE_CHECKING:
    from rich.progress import Progress

_PIECE_BYTES = 1 << 18


def arguments(parser: Arguments) -> None:
    parser.usage = "stepflow artifacts ID [get NAME… | get --all] [-o DIR] [--json]"
    parser.add_execution()
    parser.add_argument("action", nargs="?", choices=["get"], metavar="get", help="fetch files")
    parser.add_argument("names", nargs="*", metavar="NAME", help="artifacts by name or file name")
    parser.add_argument("--all", action="store_true", help="every artifact that is kept")
    parser.add_argument(
        "-o", "--output", default=".", metavar="DIR", help="where to (default: here)"
    )
    parser.add_json("the list")
    parser.add_place()


def main(options: Options) -> int:
    client = connection.viewer(options)
    path = path_of(client, options.execution)
    artifacts = client.ask("GET", f"{path}/artifacts")["artifacts"]
    if options.action != "get":
        _list(artifacts, as_json=options.json)
        return 0
    if bool(options.names) == options.all:
        raise InvalidRequest("say which: get NAME… or get --all")
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    with _progress() as progress:
        for artifact in chosen(artifacts, options.names):
            sys.stdout.write(f"{fetch(client, artifact, folder, progress)}\n")
    return 0


def chosen(artifacts: list[Json], names: list[str]) -> list[Json]:
    """The kept ones, all or by name; a name that fits none is an error, and says why."""
    kept = [one for one in artifacts if one["state"] == "stored"]
    if not names:
        return kept
    found = []
    for name in names:
        fits = [one for one in artifacts if name in (one["id"], one["name"], one["file_name"])]
        if not fits:
            raise NotFound(f"there is no artifact {name!r}: stepflow artifacts ID lists them")
        if not any(one in kept for one in fits):
            problem = fits[0].get("problem") or fits[0]["state"]
            raise NotFound(f"artifact {name!r} is not kept here: {problem}")
        found += [one for one in fits if one in kept]
    return found


def fetch(client: Client, artifact: Json, folder: Path, progress: "Progress | None") -> Path:
    """Into a temporary name first: a file that bears the artifact's name is whole."""
    target = free_name(folder, artifact["file_name"] or artifact["name"])
    partial = target.with_name(f".{target.name}.partial")
    digest = hashlib.sha256()
    task = progress.add_task(target.name, total=artifact["file_size"]) if progress else None
    url = f"/api/artifacts/{segment(artifact['id'])}/download"
    with client.open("GET", url) as answer, partial.open("wb") as file:
        while data := client.read(answer, _PIECE_BYTES):
            file.write(data)
            digest.update(data)
            if progress is not None and task is not None:
                progress.advance(task, len(data))
    if artifact.get("sha256") and digest.hexdigest() != artifact["sha256"]:
        partial.unlink()
        raise StepflowError(f"{artifact['name']!r} arrived damaged (its hash differs): try again")
    partial.rename(target)
    return target


def free_name(folder: Path, wanted: str) -> Path:
    """A name in the folder, never outside it, and never over a file that is there."""
    name = os.path.basename(wanted.replace("\\", "/")).lstrip(".") or "artifact"  # noqa: PTH119
    name = "".join(character if character.isprintable() else "_" for character in name)
    target = folder / name
    number = 1
    while target.exists():
        stem, dot, ending = name.partition(".")
        target = folder / f"{stem}-{number}{dot}{ending}"
        number += 1
    return target


def _list(artifacts: list[Json], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(artifacts, ensure_ascii=False, indent=2) + "\n")
        return
    if not artifacts:
        sys.stdout.write("no artifacts\n")
        return
    from stepflow.cli.console import ScriptConsole
    from stepflow.cli.drawing import artifact_row

    width = None if sys.stdout.isatty() else 200
    console = ScriptConsole(width=width)
    for artifact in artifacts:
        console.print(artifact_row(artifact), soft_wrap=True)


def _progress() -> AbstractContextManager["Progress | None"]:
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
