"""Looks at everything and names what is not as it should be; repairs only what can be made anew
from what is there, or what nobody can miss. Looking works beside a running server,
repairing does not.
"""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

from stepflow.backup import adopt, may_run
from stepflow.errors import StorageUnusable
from stepflow.process import Folder
from stepflow.runner import tidy_after_crash
from stepflow.store import original, soundness
from stepflow.store.soundness import Told
from stepflow.store.sqlite import open_sqlite
from stepflow.transcript import rebuild
from stepflow.verify import files
from stepflow.verify.finding import Finding


def verify(storage: Path, told: Told) -> list[Finding]:
    """Everything that is wrong; empty if nothing. StorageUnusable where there is no database, or
    none that can be read."""
    database = original.database_of(storage)
    if database is None:
        raise StorageUnusable(f"there is no database in {storage / 'database'}")
    with soundness.opened(database) as opened:
        found = opened.soundness(told)
        if found.damage is not None:
            said = f"{found.damage}; the newest backup that can be verified helps"
            return [Finding(what="database damaged", where=str(database), said=said)]
        total = sum(1 for _ in opened.executions())
        return [
            *_of_database(database, found),
            *files.logs(storage, opened, told, total),
            *files.artifacts(storage, opened, told, total),
            *files.strays(storage, opened),
            *files.leftovers(storage),
        ]


def repair(storage: Path, findings: list[Finding], told: Told) -> list[Finding]:
    """Do what is safe about each; those that were repaired. The caller owns the folder."""
    database = storage / "database" / "stepflow.db"
    done = [one for one in findings if one.repair is not None]
    if any(one.repair == "derived" for one in done):
        soundness.rebuild(database, told)
    for one in done:
        path = Path(one.where)
        match one.repair:
            case "line index":
                rebuild(path.with_name("log"), path)
            case "secrets":
                tidy_after_crash(Folder(path.parent))
            case "leftover" if path.is_dir():
                shutil.rmtree(path)
            case "leftover":
                path.unlink(missing_ok=True)
    strays = [Folder(Path(one.where)) for one in done if one.repair == "adopt"]
    # One whose script may run yet is for the server to follow: it adopts it at its start.
    ended = [stray for stray in strays if not may_run(stray)]
    if ended:
        asyncio.run(_adopt(storage, database, ended))
    left = {str(stray.path) for stray in strays if may_run(stray)}
    return [one for one in done if one.where not in left]


async def _adopt(storage: Path, database: Path, strays: list[Folder]) -> None:
    store = await open_sqlite(database)
    try:
        for stray in strays:
            await adopt(stray, store, storage / "artifacts")
    finally:
        await store.close()


def _of_database(database: Path, found: soundness.Soundness) -> Iterator[Finding]:
    where = str(database)
    for said in found.foreign_keys:
        yield Finding(what="row without its parent", where=where, said=said)
    if found.search:
        said = f"{found.search:,} executions are not found by their words, or by wrong ones"
        yield Finding(what="search", where=where, said=said, repair="derived")
    if found.tags:
        said = f"{found.tags:,} executions are not found by their tags, or by wrong ones"
        yield Finding(what="tags", where=where, said=said, repair="derived")
    for said in found.counters:
        yield Finding(what="counter", where=where, said=said, repair="derived")
