"""What a parser is told: which languages are understood, and how steps nest."""

import re
import shlex
from typing import Literal

import msgspec

from stepflow.markers import Dialect
from stepflow.markers.dialects import AUTO, chosen
from stepflow.markers.environment_files import EnvironmentFile
from stepflow.model import Execution, Section

# docker build, docker --debug buildx build, docker buildx bake, docker compose build, buildctl…
_IMAGE_BUILD = re.compile(
    r"(?:^|[\s/;&|(])(?:docker(?:\s+-\S+)*\s+(?:(?:buildx|compose|image|builder)(?:\s+-\S+)*\s+)?"
    r"(?:build|bake)|buildctl(?:\s+-\S+)*\s+build|docker-compose(?:\s+-\S+)*\s+build)(?:\s|$)"
)


class ParserOptions(msgspec.Struct, frozen=True):
    """`dialects`: names, none, or `auto` for those that are on by default. The others are switched
    on one by one; `tap="on"` takes the points of a stream without a version line as well.
    `file`: what is parsed is no transcript but an environment file."""

    dialects: list[str] | Literal["auto", "none"] = "auto"
    nesting: Literal["auto", "flat"] = "auto"
    tap: Literal["auto", "on", "off"] = "auto"
    buildkite: bool = False
    buildkit: bool = False
    sd_daemon: bool = False
    systemd: bool = False
    sections: list[Section] = []
    file: EnvironmentFile | None = None

    def chosen_dialects(self) -> list[Dialect]:
        """InvalidSection for a section that can't be."""
        switches = {
            "buildkite": self.buildkite,
            "buildkit": self.buildkit,
            "sd-daemon": self.sd_daemon,
            "systemd": self.systemd,
            "tap": self.tap == "on" or "tap" in self.dialects,
            "sections": bool(self.sections),
        }
        names = [AUTO] if self.dialects == "auto" else self.dialects
        switched_on = [name for name, is_on in switches.items() if is_on]
        dialects = chosen([] if isinstance(names, str) else names, switched_on, self.sections)
        return [d for d in dialects if d.name != "tap" or self.tap != "off"]


def understands(execution: Execution, dialect: str) -> bool:
    """Whether a dialect that is on by default is understood."""
    wanted = execution.dialects
    return wanted == "auto" or (wanted != "none" and (AUTO in wanted or dialect in wanted))


def options_of(execution: Execution) -> ParserOptions:
    """How the output of an execution is read. What `auto` leaves open its command and what it is
    made to believe decide."""
    dialects = execution.dialects
    is_open = dialects == "auto" or AUTO in dialects
    command = execution.command if execution.argv is None else shlex.join(execution.argv)
    return ParserOptions(
        dialects=dialects,
        nesting=execution.nesting,
        buildkite=is_open and "buildkite" in execution.emulate,
        buildkit=is_open and _IMAGE_BUILD.search(command) is not None,
        sections=execution.sections,
    )
