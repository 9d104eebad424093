"""What is known of one watched execution: pure state, fed by its event stream.

Its JSON objects stay dicts: decoding them would cost the start of `stepflow run` 60 ms.
"""

from collections.abc import Iterator
from typing import Any

from stepflow.cli.client import Json

FINAL = ("completed", "failed", "cancelled")


class View:
    def __init__(self) -> None:
        self.execution: Json = {}
        self.steps: dict[int, Json] = {}
        self.artifacts: dict[str, Json] = {}
        self.annotations: list[Json] = []
        self.size_bytes = 0
        self.line_count = 0
        self.is_over = False
        # Steps, latest first, and the line behind which none is; made anew after each change.
        self._latest: list[Json] | None = None
        self._beyond = -1.0

    def apply(self, name: str, data: Any) -> None:
        if name in ("snapshot", "step_update"):
            self._latest = None
        match name:
            case "snapshot":
                self.execution = data["execution"]
                self.steps = {step["index"]: step for step in data["steps"]}
                self.artifacts = {one["id"]: one for one in data["artifacts"]}
                self.annotations = list(data.get("annotations", []))
                self._grow(self.execution.get("log_bytes"), self.execution.get("log_lines"))
            case "execution_update":
                self.execution = data
                self._grow(data.get("log_bytes"), data.get("log_lines"))
            case "step_update":
                self.steps[data["step"]["index"]] = data["step"]
            case "artifact_update":
                self.artifacts[data["artifact"]["id"]] = data["artifact"]
            case "annotation":
                self.annotations.append(data["annotation"])
            case "log" | "log_complete":
                self._grow(data.get("size_bytes"), data.get("line_count"))
            case "end":
                self.execution = (data or {}).get("execution") or self.execution
                self.is_over = True
            case _:
                pass  # a newer server may say more than this program knows

    def _grow(self, size_bytes: int | None, line_count: int | None) -> None:
        self.size_bytes = max(self.size_bytes, size_bytes or 0)
        self.line_count = max(self.line_count, line_count or 0)

    @property
    def status(self) -> str:
        return str(self.execution.get("status", "pending"))

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    def children(self, parent: int | None) -> list[Json]:
        return [
            step for _, step in sorted(self.steps.items()) if step.get("parent_index") == parent
        ]

    def tree(self, parent: int | None = None, depth: int = 0) -> Iterator[tuple[int, Json]]:
        """Steps with their depth, each before its children."""
        for step in self.children(parent):
            yield depth, step
            yield from self.tree(step["index"], depth + 1)

    def owner(self, line: int) -> Json | None:
        """The step that a line belongs to: of the steps open there, the one started last."""
        if self._latest is None:
            self._latest = [step for _, step in sorted(self.steps.items(), reverse=True)]
            lasts = [_last_line(step) for step in self._latest]
            self._beyond = max(lasts, default=-1.0)
        if line > self._beyond:
            return None
        for step in self._latest:
            if step["first_line"] <= line <= _last_line(step):
                return step
        return None

    def is_marker(self, step: Json, line: int) -> bool:
        """Whether a line of the step is the marker that opened or closed it."""
        if line == step["first_line"]:
            return True
        return line == step.get("last_line") and is_finished(step) and not self.is_provisional(step)

    def is_provisional(self, step: Json) -> bool:
        """Whether the step was only closed by the next one's start: its own end may still come,
        and then what came in between was inside it."""
        return step.get("reason") == "superseded" and not self.children(step["index"])

    def artifact_at(self, line: int) -> Json | None:
        """The artifact whose marker is this line."""
        return next((one for one in self.artifacts.values() if one.get("line") == line), None)

    def failed(self) -> Json | None:
        """The step to look at first: the innermost of the last failed ones."""
        failed = [step for _, step in sorted(self.steps.items()) if step["status"] == "failed"]
        return failed[-1] if failed else None


def is_finished(step: Json) -> bool:
    return step["status"] not in ("pending", "running")


def _last_line(step: Json) -> float:
    last = step.get("last_line")
    return float("inf") if last is None else last
