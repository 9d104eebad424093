"""`stepflow doctor`: are this machine, its storage and its server fit? Exit code 1 if not.

A server that answers looks at itself; only where none does the command line looks at the folder.
"""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepflow.cli import connection, words
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.client import Client, FolderClient
from stepflow.errors import StepflowError

if TYPE_CHECKING:
    from stepflow.config import Configuration
    from stepflow.doctor import Finding

_PATIENCE_SECONDS = 15.0
_SIGNS = {"ok": ("✓", 32), "warning": ("▲", 33), "problem": ("✗", 31)}
_ASKED = ("/api/health", "/api/health/status", "/api/health/metrics", "/api/health/database")


def arguments(parser: Arguments) -> None:
    parser.add_json("the findings")
    parser.add_argument(
        "--bundle",
        metavar="FILE",
        help="also write a report for support, without secrets: *.tar.gz, else text (-: stdout)",
    )
    parser.add_place()
    parser.epilog = "Exit code 1: there is a problem. Each comes with its fix."


def main(options: Options) -> int:
    import msgspec

    configured = connection.configured(options)
    client = connection.client(options)
    client.patience_seconds = float(os.environ.get("_STEPFLOW_PATIENCE_SECONDS", _PATIENCE_SECONDS))
    findings = _findings(client, configured)
    if options.bundle:
        _bundle(options.bundle, client, configured, findings)
    if options.bundle == "-":
        pass
    elif options.json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(findings), indent=2) + "\n")
    else:
        sys.stdout.write(_table(findings))
    return 1 if any(finding.state == "problem" for finding in findings) else 0


def _table(findings: "list[Finding]") -> str:
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{_sign(finding.state)} {finding.name:<{width}}  {finding.text}")
        if finding.fix is not None:
            lines.append(f"  {'':<{width}}  → {finding.fix}")
    return "\n".join([*lines, ""])


def _sign(state: str) -> str:
    sign, colour = _SIGNS[state]
    return f"\x1b[{colour}m{sign}\x1b[0m" if sys.stdout.isatty() else sign


def _findings(client: Client, configured: "Configuration") -> "list[Finding]":
    from stepflow.doctor import Finding, State

    found = [
        Finding("settings", State.WARNING, warning, "unset it, or correct its name")
        for warning in configured.warnings
    ]
    if not client.answers():
        return [_no_server(client), *found, *_from_outside(client, configured)]
    try:
        answers = client.ask("GET", "/api/doctor")
    except StepflowError as error:
        where = f"the server of {client.where}"
        fix = "see logs/stepflow.log beside the storage folder; stepflow restart"
        refused = Finding("server", State.PROBLEM, f"{where}: {error.detail}", fix)
        return [refused, *found, *_from_outside(client, configured)]
    import msgspec

    return [*found, *msgspec.convert(answers, list[Finding])]


def _no_server(client: Client) -> "Finding":
    from stepflow.doctor import Finding, State

    state = State.OK if client.is_local else State.PROBLEM
    fix = "stepflow serve" if client.is_local else "start it there, or correct STEPFLOW_URL"
    return Finding("server", state, f"none answers for {client.where}", fix)


def _from_outside(client: Client, configured: "Configuration") -> "list[Finding]":
    """What can be said of a storage folder whose server says nothing."""
    from stepflow.doctor import Subject, examine
    from stepflow.process import find_pump

    if not isinstance(client, FolderClient):
        return []
    subject = Subject(
        storage=configured.storage.absolute(),
        min_free_bytes=configured.settings.min_free_bytes,
        max_running=configured.settings.max_running,
        pump_program=find_pump(prefer_python=os.environ.get("STEPFLOW_PUMP") == "python"),
    )
    return list(examine(subject, words.clock()))


def _bundle(
    file: str, client: Client, configured: "Configuration", findings: "list[Finding]"
) -> None:
    from stepflow import __version__
    from stepflow.doctor import Material, as_archive, as_text

    answers: dict[str, Any] = {}
    settings = [
        {"name": one.name, "value": one.value, "source": one.source} for one in configured.shown()
    ]
    if client.answers():
        for route in _ASKED:
            try:
                answers[route] = client.ask("GET", route)
            except StepflowError as error:
                answers[route] = {"error": error.detail}
        if "error" not in answers["/api/health/metrics"]:
            settings = client.ask("GET", "/api/config")["settings"]
    key = configured.settings.api_key
    material = Material(
        version=__version__,
        made_at=words.clock(),
        storage=configured.storage.absolute(),
        findings=findings,
        settings=settings,
        answers=answers,
        log=configured.log_folder / "stepflow.log",
        secrets=[key] if key else [],
    )
    if file == "-":
        sys.stdout.write(as_text(material))
        return
    packed = file.endswith((".tar.gz", ".tgz"))
    content = as_archive(material) if packed else as_text(material).encode()
    with os.fdopen(
        os.open(Path(file), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
    ) as opened:
        opened.write(content)
    sys.stderr.write(f"stepflow doctor: wrote {file}, {words.size(len(content))}\n")
