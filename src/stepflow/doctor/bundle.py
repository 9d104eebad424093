"""The support bundle: what whoever helps will ask for, in one file, without a secret.

As text it has the headings of the deployment guide's `debug_info.txt`; as an archive, whole
documents beside that text.
"""

import io
import json
import os
import platform
import sqlite3
import stat
import tarfile
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from stepflow.doctor.finding import Finding, size
from stepflow.doctor.folder import disk, mounted

LOG_LINES_OF_TEXT = 50
LOG_LINES_OF_ARCHIVE = 5000
MASK = "***"


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """`answers` are the server's, by route; empty where none answers. Each of `secrets` is masked
    wherever it stands."""

    version: str
    made_at: datetime
    storage: Path
    findings: list[Finding]
    settings: list[dict[str, Any]]
    answers: dict[str, Any]
    log: Path
    secrets: list[str]


def as_text(material: Material) -> str:
    health = material.answers.get("/api/health", "no server answers")
    figures = material.answers.get("/api/health/database", {}).get("database", {})
    sections = {
        "System Information": [
            f"StepFlow Monitor: {material.version}, {material.made_at:%Y-%m-%dT%H:%M:%SZ}",
            f"OS: {' '.join(os.uname())}",
            f"Python: {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
            f"Memory: {_memory()}; load {' '.join(f'{one:.2f}' for one in os.getloadavg())}",
            f"Storage: {material.storage}, {' at '.join(mounted(material.storage))},"
            f" {disk(material.storage, 0).text}",
        ],
        "Findings": [
            f"{one.state}: {one.name}: {one.text}" + (f"\n    fix: {one.fix}" if one.fix else "")
            for one in material.findings
        ],
        "Application Status": [
            f"Health: {json.dumps(health)}",
            f"WAL Mode: {figures.get('journal_mode', 'no server answers')}",
            f"Pragmas: {json.dumps(figures.get('settings', {}))}",
            "DB Size:",
            *_listing(material.storage / "database"),
        ],
        "Settings": [
            f"{one['name']}={one['value']}  ({one['source']})" for one in material.settings
        ],
        "Recent Logs": _last_lines(material.log, LOG_LINES_OF_TEXT),
    }
    blocks = [f"=== {title} ===\n" + "\n".join(lines) for title, lines in sections.items()]
    return _masked("\n\n".join(blocks) + "\n", material.secrets)


def as_archive(material: Material) -> bytes:
    """A tar.gz with one folder."""
    documents = {
        "report.txt": as_text(material),
        "findings.json": _json(msgspec.to_builtins(material.findings)),
        "settings.json": _json(material.settings),
        "stepflow.log": "\n".join(_last_lines(material.log, LOG_LINES_OF_ARCHIVE)) + "\n",
        **{
            f"{route.removeprefix('/api/').replace('/', '-')}.json": _json(answer)
            for route, answer in material.answers.items()
        },
    }
    packed = io.BytesIO()
    folder = f"stepflow-report-{material.made_at:%Y%m%d-%H%M%S}"
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in documents.items():
            content = _masked(text, material.secrets).encode()
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _memory() -> str:
    kib = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    total, available = (1024 * int(kib[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    return f"{size(available)} of {size(total)} available"


def _listing(folder: Path) -> Iterable[str]:
    """As `ls -la`, with bytes."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        found = path.lstat()
        mode, owner = stat.filemode(found.st_mode), f"{found.st_uid}:{found.st_gid}"
        changed = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.st_mtime))
        yield f"{mode} {owner} {found.st_size:>14,} {changed} {path.name}"


def _last_lines(log: Path, most: int) -> list[str]:
    try:
        with log.open(errors="replace") as lines:
            return [line.rstrip("\n") for line in deque(lines, most)]
    except OSError as error:
        return [f"{log} can't be read: {error.strerror}"]


def _masked(text: str, secrets: list[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
