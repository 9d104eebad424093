"""Whether there are backups, and whether they are whole."""

from datetime import datetime
from pathlib import Path

from stepflow.backup import Shelf
from stepflow.doctor.finding import Finding, ok, problem, warning


def backups(storage: Path, now: datetime) -> Finding:
    kept = Shelf(storage.absolute()).all()
    if not kept:
        return warning(
            "backups",
            "there is none",
            "stepflow backup, or STEPFLOW_BACKUP_SCHEDULE='0 3 * * *' in .env",
        )
    damaged = [one.id for one in kept if one.problem is not None]
    if damaged:
        return problem(
            "backups",
            f"damaged: {', '.join(damaged)}, of {len(kept)}",
            "stepflow backup list says how; stepflow backup makes a new one",
        )
    days = (now - kept[0].created_at).days
    return ok("backups", f"{len(kept)}, the newest {kept[0].id}, {days} days old")
