"""`stepflow doctor`: are this machine, its storage and its server fit? Exit code 1 if not."""

import json
import os
import platform
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stepflow.cli import connection, words
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.client import Client, FolderClient
from stepflow.errors import StepflowError

_OPEN_FILES_PER_EXECUTION = 6
_KERNEL = (5, 10)
GOOD, NOTE, BAD = "ok", "note", "bad"
_SIGNS = {GOOD: "✓", NOTE: "▲", BAD: "✗"}


class Finding(NamedTuple):
    level: str
    what: str
    said: str


def arguments(parser: Arguments) -> None:
    parser.add_json("the findings")
    parser.add_place()


def main(options: Options) -> int:
    findings = list(_findings(options))
    if options.json:
        sys.stdout.write(json.dumps([finding._asdict() for finding in findings], indent=2) + "\n")
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            sys.stdout.write(f"{_sign(finding.level)} {finding.what:<{width}}  {finding.said}\n")
    return 1 if any(finding.level == BAD for finding in findings) else 0


def _sign(level: str) -> str:
    if not sys.stdout.isatty():
        return _SIGNS[level]
    colour = {GOOD: 32, NOTE: 33, BAD: 31}[level]
    return f"\x1b[{colour}m{_SIGNS[level]}\x1b[0m"


def _findings(options: Options) -> Iterator[Finding]:
    from stepflow import __version__

    yield Finding(GOOD, "stepflow", f"{__version__}, Python {platform.python_version()}")
    yield kernel(platform.system(), platform.release())
    configured = connection.configured(options)
    for warning in configured.warnings:
        yield Finding(NOTE, "settings", warning)
    client = connection.client(options)
    if isinstance(client, FolderClient):
        yield from storage(configured.storage.absolute(), configured.settings.min_free_bytes)
    yield pump()
    yield _ripgrep()
    yield open_files(configured.settings.max_running)
    yield from _systemd()
    yield from server(client)


def kernel(system: str, release: str) -> Finding:
    if system != "Linux":
        return Finding(NOTE, "system", f"{system}: only Linux is tested; Python pump, polling tail")
    parts = tuple(
        int(part) for part in release.split("-", maxsplit=1)[0].split(".")[:2] if part.isdigit()
    )
    if parts < _KERNEL:
        return Finding(BAD, "system", f"Linux {release}: 5.10 or newer is needed")
    return Finding(GOOD, "system", f"Linux {release}")


def storage(folder: Path, min_free_bytes: int) -> Iterator[Finding]:
    """What can be said of a storage folder from outside, its server running or not."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if existing != folder:
        yield Finding(GOOD, "storage", f"{folder} is not there yet and will be made")
    elif not folder.is_dir():
        yield Finding(BAD, "storage", f"{folder} is no folder")
        return
    else:
        yield Finding(GOOD, "storage", str(folder))
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(BAD, "storage", f"{existing} can't be written by user {os.geteuid()}")
    free = shutil.disk_usage(existing).free
    level = GOOD if free >= min_free_bytes else BAD
    need = "" if level == GOOD else f": nothing new starts below {words.size(min_free_bytes)}"
    yield Finding(level, "free disk", f"{words.size(free)}{need}")
    yield from database(folder)
    yield from backups(folder)


def database(folder: Path) -> Iterator[Finding]:
    kept = folder / "database" / "stepflow.db"
    if kept.exists():
        size_bytes = kept.stat().st_size
        log = kept.with_name(kept.name + "-wal")
        log_bytes = log.stat().st_size if log.exists() else 0
        level = NOTE if log_bytes > 100_000_000 else GOOD
        yield Finding(level, "database", f"{words.size(size_bytes)}, WAL {words.size(log_bytes)}")
    for aside in sorted(kept.parent.glob("*-wal.foreign-*")):
        yield Finding(
            NOTE,
            "foreign WAL",
            f"{aside} belonged to another database file than the one that was put there; delete it"
            " when nothing of that one is missed",
        )


def backups(folder: Path) -> Iterator[Finding]:
    from stepflow.backup import Shelf

    kept = Shelf(folder.absolute()).all()
    if not kept:
        if (folder / "database").is_dir():
            yield Finding(NOTE, "backups", "there is none: `stepflow backup` makes one")
        return
    bad = [one.id for one in kept if one.problem is not None]
    made = words.ago(kept[0].created_at.isoformat(), words.clock())
    yield Finding(GOOD, "backups", f"{len(kept)}, the newest made {made} ({kept[0].id})")
    if bad:
        yield Finding(BAD, "  damaged", f"{', '.join(bad)}: stepflow backup list says how")


def pump() -> Finding:
    from stepflow.process import find_pump

    program = find_pump()
    if len(program) == 1:
        return Finding(GOOD, "pump", f"C ({program[0]})")
    return Finding(
        NOTE,
        "pump",
        "Python: 2.8 MB each, about 65 starts a second; `make setup` builds the C one with cc",
    )


def _ripgrep() -> Finding:
    program = shutil.which("rg")
    if program:
        return Finding(GOOD, "search", f"ripgrep ({program})")
    return Finding(NOTE, "search", "no ripgrep (rg): searches of large logs are slower")


def open_files(max_running: int) -> Finding:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return Finding(GOOD, "open files", "no limit")
    fits = hard // _OPEN_FILES_PER_EXECUTION
    if fits < max_running:
        return Finding(NOTE, "open files", f"at most {hard}: about {fits} executions at once")
    return Finding(GOOD, "open files", f"at most {hard}")


def _systemd() -> Iterator[Finding]:
    """A unit that kills its whole group takes the scripts along at each restart."""
    import subprocess

    if not Path("/run/systemd/system").is_dir():
        return
    answer = subprocess.run(
        ["systemctl", "show", "stepflow.service", "-p", "LoadState", "-p", "KillMode"],
        capture_output=True,
        text=True,
        check=False,
    )
    said = dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)
    if said.get("LoadState") != "loaded":
        return
    if said.get("KillMode") == "process":
        yield Finding(GOOD, "systemd", "KillMode=process: scripts outlive a restart")
    else:
        yield Finding(
            BAD,
            "systemd",
            f"KillMode={said.get('KillMode')} kills the scripts with the server: `systemctl edit"
            " stepflow`, then [Service] KillMode=process",
        )


def server(client: Client) -> Iterator[Finding]:
    if not client.answers():
        level = NOTE if client.is_local else BAD
        yield Finding(level, "server", f"none answers for {client.where}")
        return
    try:
        health = client.ask("GET", "/api/health")
    except StepflowError as error:
        yield Finding(BAD, "server", error.detail)
        return
    yield Finding(
        GOOD if health["status"] == "healthy" else BAD,
        "server",
        f"{health['status']}, version {health['version']},"
        f" up {words.ticking(health['uptime_seconds'])}, {client.where}",
    )
    for name, check in health["checks"].items():
        if check["problem"] is not None:
            yield Finding(BAD, f"  {name}", check["problem"])
