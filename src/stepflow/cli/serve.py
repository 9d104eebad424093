"""`stepflow serve`: the server in the foreground. Each setting is an option."""

import argparse
import gc
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepflow.cli.arguments import Arguments, Options

_EXPLAINED = {
    "host": "address of the page and the API",
    "port": "its port",
    "websocket_host": "address of the WebSocket for older clients (default: --host)",
    "websocket_port": "its port",
    "storage_path": "the storage folder",
    "log_level": "least level of the server's own log",
    "auth_enabled": "ask every client for the key",
    "api_key": "the key (better set as STEPFLOW_API_KEY: options are seen in `ps`)",
    "allowed_hosts": "names, beside localhost and addresses, that the server answers to",
    "max_running": "most executions at once; the others wait",
    "on_stop": "what a stopping server does with running scripts",
    "script_environment": "what scripts get of the server's environment",
    "artifact_roots": "folders, beside an execution's own, that artifacts may come from",
    "dialects": "marker languages of executions that name none: auto, none, or names with commas",
    "sections": "sections to look for in all output, as JSON",
    "retention_days": "age at which finished executions are removed",
    "retention_count": "how many finished executions stay, the newest",
    "retention_bytes": "how much disk their logs and artifacts may take",
    "retention_tags": "rules by tag, as nightly=30d,ci=100,release=keep",
    "min_free_bytes": "free disk space below which nothing new starts",
    "backup_schedule": "when backups are made, five fields as in crontab, as '0 3 * * *'",
    "backup_keep": "how many of those stay",
    "legacy_timezone": "time zone of an older installation's times",
    "wal_autocheckpoint": "pages after which the database is checkpointed",
    "cache_size": "the database's page cache in KiB",
    "buffer_size": "most records of one commit",
    "url": "used by the command line alone: a server elsewhere",
}


def arguments(parser: Arguments) -> None:
    from stepflow.config import Settings

    group = parser.add_argument_group("settings (also STEPFLOW_… in the environment or in .env)")
    for name in Settings.__struct_fields__:
        if name != "url":
            group.add_argument(
                f"--{name.replace('_', '-')}",
                metavar=name.rpartition("_")[2].upper(),
                help=_EXPLAINED[name],
            )
    parser.add_argument("--private", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--pragmas", type=json.loads, default={}, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="load everything, serve nothing")
    parser.epilog = (
        "Scripts go on when the server stops, and the next server finds them again.\n"
        "Exit codes: 2 for a wrong setting, 3 for a storage folder that can't be used,\n"
        "4 for one that another server owns."
    )


def main(options: Options) -> int:
    # Until it serves: nothing of what is loaded and recovered on the way is garbage.
    gc.disable()
    from stepflow.config import Settings, configuration

    with _without("rich"):
        from stepflow.server import check, serve

    flags = {
        name: value
        for name in Settings.__struct_fields__
        if (value := getattr(options, name, None)) is not None
    }
    configured = configuration(flags, os.environ, Path.cwd())
    if options.check:
        check(configured)
        return 0
    return serve(configured, is_private=options.private, pragmas=options.pragmas)


@contextmanager
def _without(library: str) -> Iterator[None]:
    """Load modules as if `library` were not there. structlog takes rich along to draw tracebacks,
    which is a sixth of a start, and the server's log is plain text."""
    if library in sys.modules:
        yield
        return
    sys.modules[library] = None  # type: ignore[assignment] # so it is said to Python
    try:
        yield
    finally:
        del sys.modules[library]
