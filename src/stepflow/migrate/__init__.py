"""Taking over the storage folder of the original program: its rows, logs and artifacts."""

from stepflow.migrate.migration import Options, adopt, is_legacy, migrate
from stepflow.migrate.report import Report

__all__ = ["Options", "Report", "adopt", "is_legacy", "migrate"]
