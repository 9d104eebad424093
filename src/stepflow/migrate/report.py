"""What a migration did, or would do, for people and as JSON."""

from typing import Literal

import msgspec

_MOST_NAMED = 20


class Report(msgspec.Struct, kw_only=True):
    """`state`: `migrated`, `adopted` (it was ours; rows that the original wrote since were taken),
    `nothing` to do, or `planned` by a dry run. `differences` are losses found by the comparison
    with the backup, and must be empty; `went_on` counts rows that the original changed meanwhile.
    """

    state: Literal["migrated", "adopted", "nothing", "planned"]
    database: str
    timezone: str
    timezone_source: str
    is_resumed: bool = False
    journal_mode: str | None = None
    backup: str | None = None
    executions: int = 0
    steps: int = 0
    artifacts: int = 0
    step_logs: int = 0
    log_bytes: int = 0
    log_lines: int = 0
    unstamped_lines: int = 0
    lost: int = 0
    steps_closed: int = 0
    ambiguous_times: int = 0
    imaginary_times: int = 0
    repaired: list[str] = []
    remarks: list[str] = []
    went_on: int = 0
    differences: list[str] = []
    seconds: float = 0.0
    phases: dict[str, float] = {}

    @property
    def is_proven(self) -> bool:
        return not self.differences

    def text(self) -> str:
        return "\n".join([*self._lines(), ""])

    def _lines(self) -> list[str]:
        if self.state == "nothing":
            done = f"{self.database} is migrated already; there is nothing to do"
            return [done, *_named("remark", self.remarks)]
        lines = [_TITLES[self.state].format(self.database)]
        if self.is_resumed:
            lines.append("  went on with a migration that had been interrupted")
        rows = f"{self.executions:,} executions, {self.steps:,} steps, {self.artifacts:,} artifacts"
        lines.append(f"  rows        {rows}")
        lines.append(f"  logs        {self.step_logs:,} of steps{self._logs()}")
        lines.append(f"  time zone   {self.timezone} ({self.timezone_source}){self._odd_times()}")
        if self.lost or self.steps_closed:
            verb = "to be closed" if self.state == "planned" else "closed"
            lines.append(
                f"  left open   {self.lost:,} executions and {self.steps_closed:,} steps that the "
                f"original left pending or running: {verb}, with their data"
            )
        if self.journal_mode:
            lines.append(f"  journal     {self.journal_mode}")
        if self.backup:
            lines.append(f"  backup      {self.backup}")
        lines += _named("repaired", self.repaired)
        lines += _named("remark", self.remarks)
        if self.went_on:
            lines.append(f"  meanwhile   {self.went_on:,} rows went on in the original")
        lines += _named("DIFFERS", self.differences)
        if self.state == "migrated" and self.is_proven:
            lines.append(
                "  compared    every row and every line with the source: nothing is missing"
            )
        lines.append(f"  took        {self.seconds:.1f} s")
        return lines

    def _logs(self) -> str:
        if self.state == "planned":
            return ""
        unstamped = f", {self.unstamped_lines:,} without a time" if self.unstamped_lines else ""
        return f" ({self.log_lines:,} lines, {self.log_bytes:,} bytes{unstamped})"

    def _odd_times(self) -> str:
        odd = ""
        if self.ambiguous_times:
            odd += f"; {self.ambiguous_times:,} times in an hour that came twice: its first"
        if self.imaginary_times:
            odd += f"; {self.imaginary_times:,} times in an hour that never was"
        return odd


_TITLES = {
    "migrated": "{} is migrated",
    "adopted": "{} was migrated; what the original wrote since then was taken over",
    "planned": "{} would be migrated (a dry run: nothing was changed)",
}


def _named(title: str, what: list[str]) -> list[str]:
    lines = [f"  {title:<11} {one}" for one in what[:_MOST_NAMED]]
    if len(what) > _MOST_NAMED:
        lines.append(f"  {'':<11} and {len(what) - _MOST_NAMED:,} more (--json names them all)")
    return lines
