"""`stepflow backup`: makes, lists and checks backups. Works on the files, beside a running server
or without one; only for a server elsewhere (`--url`) it asks that one."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from stepflow.cli import connection, words
from stepflow.cli.arguments import Arguments, Options
from stepflow.cli.bar import Bar
from stepflow.cli.client import Client, UrlClient, segment
from stepflow.errors import InvalidRequest, StepflowError, StorageUnusable

_ACTIONS = ("create", "list", "verify", "restore", "delete")
_NICENESS = 10
_ORIGINS = {
    "schedule": ", by schedule",
    "migration": ", before the migration",
    "rollback": ", before the rollback",
}


def arguments(parser: Arguments) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=_ACTIONS,
        default="create",
        metavar="|".join(_ACTIONS),
        help="what to do (default: create)",
    )
    parser.add_argument(
        "backup",
        nargs="?",
        metavar="NAME",
        help="a backup's name, last, or the path of its folder (restore)",
    )
    parser.add_argument("--to", metavar="DIR", help="restore: another storage folder than its own")
    parser.add_json("the answer")
    parser.add_place()
    parser.add_argument("--origin", default="asked", help=argparse.SUPPRESS)
    parser.add_argument("--for-server", action="store_true", help=argparse.SUPPRESS)
    parser.epilog = (
        "Backups are in backups/ beside the storage folder, each with a whole database\n"
        "(stepflow.db) and everything else (storage_backup.tar.gz), read back before it gets its\n"
        "name. Exit code 1: a backup is damaged; 3: nothing was begun, for want of space or rights."
    )


def main(options: Options) -> int:
    if options.for_server:
        return _for_server(options)
    found = connection.client(options)
    if isinstance(found, UrlClient):
        answer = _elsewhere(found, options)
    else:
        bar = Bar()
        try:
            answer = _here(options, bar)
        finally:
            bar.clear()
    if options.json:
        text = json.dumps(answer, ensure_ascii=False, indent=2) + "\n"
    else:
        text = _text(options.action, answer)
    sys.stdout.write(text)
    is_damaged = options.action == "verify" and answer["problem"] is not None
    return 1 if is_damaged else 0


def _for_server(options: Options) -> int:
    """Out of the server's process, so that nobody who asks it waits; errors as JSON too."""
    os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    try:
        answer = _here(options, Bar())
    except StepflowError as error:
        answer = {"error": type(error).__name__, "detail": error.detail}
    sys.stdout.write(json.dumps(answer))
    return 0


def _here(options: Options, bar: Bar) -> Any:
    import msgspec

    from stepflow import backup
    from stepflow.store import original

    storage = connection.configured(options).storage.absolute()
    shelf = backup.Shelf(storage)
    match options.action:
        case "restore":
            return _restored(storage, options, bar)
        case "list":
            return {"backups": [_shown(one) for one in shelf.all()]}
        case "verify":
            return _shown(backup.verify(storage, _name(options, "last"), bar.show))
        case "delete":
            return _shown(backup.forget(storage, _name(options, None)))
    database = original.database_of(storage)
    if database is None:
        raise StorageUnusable(f"there is no database in {storage}: give --storage-path")
    origin = msgspec.convert(options.origin, backup.Origin)
    made = backup.make(storage, database, origin=origin, told=bar.show)
    return _shown(shelf.find(made.id))


def _restored(storage: Path, options: Options, bar: Bar) -> Any:
    import msgspec

    from stepflow import backup
    from stepflow.server.storage import StorageFolder

    kept = backup.find(backup.Shelf(storage), _name(options, "last"))
    target = Path(options.to).absolute() if options.to else storage
    owned = None
    if target.exists():
        owned = StorageFolder.take(target, is_private=False, may_be_half=True)
    try:
        restored = backup.restore(kept, target, bar.show)
    finally:
        if owned is not None:
            owned.release()
    return msgspec.to_builtins(restored, enc_hook=str)


def _elsewhere(client: Client, options: Options) -> Any:
    match options.action:
        case "restore":
            raise InvalidRequest(
                "a restore needs the storage folder for itself: run it on the server's machine,"
                " with the server stopped"
            )
        case "list":
            return client.ask("GET", "/api/backups")
        case "verify":
            name = segment(_name(options, "last"))
            return client.ask("POST", f"/api/backups/{name}/verify")
        case "delete":
            return client.ask("DELETE", f"/api/backups/{segment(_name(options, None))}")
    return client.ask("POST", "/api/backups", wait="1h")["backup"]


def _name(options: Options, default: str | None) -> str:
    name = options.backup or default
    if name is None:
        raise InvalidRequest("say which backup: stepflow backup list names them")
    return str(name)


def _shown(kept: Any) -> Any:
    import msgspec

    from stepflow.backup import shown

    return msgspec.to_builtins(shown(kept))


def _text(action: str, answer: Any) -> str:
    if action == "list":
        return _table(answer["backups"])
    if action == "restore":
        return _restored_text(answer)
    size = words.size(answer["size_bytes"])
    if action == "delete":
        return f"deleted {answer['path']}, {size}\n"
    if answer["problem"] is not None:
        return f"✗ {answer['id']}: {answer['problem']}\n"
    if action == "verify":
        return f"✓ {answer['id']}: all of it was read and is what was written\n"
    new = words.size(answer["new_bytes"])
    of = words.count(answer["executions"], "execution")
    running = answer["unfinished"]
    still = f", {running:,} of them not ended yet" if running else ""
    return f"✓ {answer['path']}: {of}{still}, {size} ({new} new), read back\n"


def _restored_text(answer: Any) -> str:
    rows = answer["executions"]
    of = "" if rows is None else f", {words.count(rows, 'execution')}"
    lines = [f"✓ {answer['storage']} is as it was at {answer['backup']}{of}"]
    if answer["aside"]:
        lines.append(f"  what was there before is in {answer['aside']}; delete it once all is well")
    lines.append("  start the server now: what ran when the backup was made is shown as lost")
    return "\n".join([*lines, ""])


def _table(backups: list[Any]) -> str:
    if not backups:
        return "there is no backup; stepflow backup makes one\n"
    lines = [f"  {'backup':<16}{'size':>9}{'new':>9}{'executions':>12}  made"]
    for one in backups:
        sign = "✗" if one["problem"] else "✓" if one["is_verified"] else "?"
        new = "" if one["new_bytes"] is None else words.size(one["new_bytes"])
        rows = "" if one["executions"] is None else f"{one['executions']:,}"
        said = one["problem"] or words.ago(one["created_at"], words.clock())
        if one["origin"] not in (None, "asked") and not one["problem"]:
            said += _ORIGINS[one["origin"]]
        size = words.size(one["size_bytes"])
        lines.append(f"{sign} {one['id']:<16}{size:>9}{new:>9}{rows:>12}  {said}")
    return "\n".join([*lines, ""])
