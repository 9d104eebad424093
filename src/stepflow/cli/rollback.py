"""`stepflow rollback`: makes the folder one that the original program opens, in place, or as it was
in a backup. Works on the folder itself, so no server may own it."""

import json
import sys

from stepflow.cli import connection
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.bar import Bar
from stepflow.cli.migrate import storage_of, zone_of
from stepflow.errors import InvalidRequest


def arguments(parser: Arguments) -> None:
    parser.add_argument(
        "--to-backup",
        metavar="NAME",
        help="to the folder as it was in this backup (stepflow backup list), or last;"
        " what is there now is kept aside",
    )
    parser.add_argument(
        "--timezone",
        metavar="ZONE",
        help="in place: the zone of the original's times, as Asia/Shanghai"
        " (default: STEPFLOW_LEGACY_TIMEZONE, else this machine's)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    parser.add_json("the report")
    parser.add_argument("--storage-path", metavar="DIR", help="the storage folder")
    parser.epilog = (
        "In place, nothing is lost: the original sees every execution, step and artifact, ours\n"
        "included, and `stepflow migrate` takes the folder over again, with all that it wrote.\n"
        "Stop the server first. Exit code 3: nothing was begun."
    )


def main(options: Options) -> int:
    import msgspec

    from stepflow import backup, migrate
    from stepflow.server.storage import StorageFolder

    configured = connection.configured(options)
    storage = storage_of(configured)
    if options.to_backup and options.dry_run:
        raise InvalidRequest("--dry-run is for a rollback in place: stepflow backup verify NAME")
    zone, source = zone_of(configured, options)
    bar = Bar()
    wanted = migrate.Options(
        timezone=zone, timezone_source=source, is_dry_run=options.dry_run, told=bar.show
    )
    owned = None if options.dry_run else StorageFolder.take(storage, is_private=False)
    try:
        if options.to_backup:
            kept = backup.find(backup.Shelf(storage), options.to_backup)
            restored = backup.restore(kept, storage, bar.show)
            report = msgspec.to_builtins(restored, enc_hook=str)
            text = (
                f"{storage} is as it was in the backup {kept.id}\n"
                f"  what was there before is in {restored.aside}\n"
            )
        else:
            rolled = migrate.roll_back(storage, wanted)
            report, text = msgspec.to_builtins(rolled), rolled.text()
    finally:
        bar.clear()
        if owned is not None:
            owned.release()
    if options.json:
        text = json.dumps(report, ensure_ascii=False, indent=2) + "\n"
    sys.stdout.write(text)
    return 0
