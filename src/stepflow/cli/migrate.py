"""`stepflow migrate`: takes over the storage folder of the original program. Works on the folder
itself, so no server may own it; the original itself may go on."""

import json
import sys
from pathlib import Path

from stepflow.cli import connection
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.bar import Bar
from stepflow.config import Configuration
from stepflow.errors import StorageUnusable


def arguments(parser: Arguments) -> None:
    parser.add_argument(
        "--timezone",
        metavar="ZONE",
        help="the zone of the original's times, as Asia/Shanghai"
        " (default: STEPFLOW_LEGACY_TIMEZONE, else this machine's)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    parser.add_json("the report")
    parser.add_argument("--storage-path", metavar="DIR", help="the storage folder")
    parser.epilog = (
        "A verified backup comes first, in backups/ beside the storage folder. A migration that\n"
        "was interrupted is gone on with by the same command; one that is done stays as it is.\n"
        "Exit code 1: the comparison with the backup found a difference; 3: nothing was begun."
    )


def storage_of(configured: Configuration) -> Path:
    """The storage folder, which has to be there."""
    storage = configured.storage.absolute()
    if not (storage / "database").is_dir():
        raise StorageUnusable(f"there is no storage in {storage}: give --storage-path")
    return storage


def zone_of(configured: Configuration, options: Options) -> tuple[str | None, str]:
    """The zone of the original's times (None: this machine's), and who said so."""
    if options.timezone is not None:
        return options.timezone, "--timezone"
    zone = configured.settings.legacy_timezone
    return zone, configured.sources["legacy_timezone"] if zone else "of this machine"


def main(options: Options) -> int:
    from stepflow import migrate
    from stepflow.server.storage import StorageFolder

    configured = connection.configured(options)
    storage = storage_of(configured)
    zone, source = zone_of(configured, options)
    bar = Bar()
    wanted = migrate.Options(
        timezone=zone, timezone_source=source, is_dry_run=options.dry_run, told=bar.show
    )
    owned = None if options.dry_run else StorageFolder.take(storage, is_private=False)
    try:
        report = migrate.migrate(storage, wanted)
    finally:
        bar.clear()
        if owned is not None:
            owned.release()
    if options.json:
        import msgspec

        text = json.dumps(msgspec.to_builtins(report), ensure_ascii=False, indent=2) + "\n"
    else:
        text = report.text()
    sys.stdout.write(text)
    return 0 if report.is_proven else 1
