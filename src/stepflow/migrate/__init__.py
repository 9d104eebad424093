"""Taking over the storage folder of the original program: its rows, logs and artifacts."""

from stepflow.migrate.migration import Options, adopt, is_legacy, migrate
from stepflow.migrate.report import Report
from stepflow.migrate.rollback import RollbackReport, roll_back

__all__ = [
    "Options",
    "Report",
    "RollbackReport",
    "adopt",
    "is_legacy",
    "migrate",
    "roll_back",
]
