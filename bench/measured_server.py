"""A real server process, as the tests start it, and what it takes of the machine."""

import os
import re
from pathlib import Path
from typing import Any

from server_process import ServerProcess

_TICKS = os.sysconf("SC_CLK_TCK")


class MeasuredServer(ServerProcess):
    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def cpu_seconds(self) -> float:
        """Of the server itself, all threads."""
        return cpu_seconds(self.pid)

    @property
    def memory_bytes(self) -> int:
        """Resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def answers(self) -> bool:
        return self._answers()

    def finished(self, command: str | list[str], **fields: Any) -> dict[str, Any]:
        """Run a command; the execution when it has been settled."""
        wanted = {"command": command, "working_directory": str(self.folder), **fields}
        answer = self.client.post("/api/executions?wait=1h", json=wanted, timeout=3600)
        execution: dict[str, Any] = answer.raise_for_status().json()["execution"]
        return execution

    def forget(self, execution_id: str) -> None:
        self.client.delete(f"/api/executions/{execution_id}").raise_for_status()

    def complaints(self) -> list[str]:
        """Lines of the server's log that warn or tell of errors."""
        return [line for line in self.log.splitlines() if re.search(r"\b(WARN|ERROR|CRIT)", line)]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
