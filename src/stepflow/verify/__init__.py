"""Whether a storage folder is sound: its database, its logs, its artifacts, and how they agree."""

from stepflow.verify.finding import Finding
from stepflow.verify.verify import repair, verify

__all__ = ["Finding", "repair", "verify"]
