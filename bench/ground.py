"""Where and how large everything is measured: folder, sizes, the writer, servers, databases."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import writer
from measured_server import MeasuredServer


@dataclass(frozen=True)
class Sizes:
    """How much of each thing. `small` only shows that a measurement works."""

    gigabytes: float = 1.0
    lines: int = 1_000_000
    rounds: int = 5
    trues: int = 400
    scripts: int = 1_000
    script_seconds: int = 15
    viewers: int = 1_000
    executions: int = 200_000
    log_gigabytes: float = 1.0
    artifact_gigabytes: float = 1.0
    seconds: float = 3.0
    stops: int = 200
    flood_seconds: int = 30


SIZES = {
    "usual": Sizes(),
    "full": Sizes(
        executions=1_000_000, log_gigabytes=10.0, artifact_gigabytes=5.0, flood_seconds=600
    ),
    "small": Sizes(
        gigabytes=0.1,
        lines=100_000,
        rounds=1,
        trues=40,
        scripts=50,
        script_seconds=4,
        viewers=50,
        executions=5_000,
        log_gigabytes=0.2,
        artifact_gigabytes=0.1,
        seconds=0.5,
        stops=10,
        flood_seconds=5,
    ),
}


@dataclass
class Ground:
    """One run's folder, on the disk that is to be measured."""

    folder: Path
    sizes: Sizes
    _databases: dict[int, Path] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def script(self, *arguments: str | int | Path) -> list[str]:
        """The command of a script that writes; its modes stand in `writer.c`."""
        return [*writer.program(self.folder), *map(str, arguments)]

    def server(self, name: str, **settings: str) -> MeasuredServer:
        return MeasuredServer(self.folder / name, **settings)

    def database(self) -> Path:
        """A database of many executions, made once for all who ask; not to be changed."""
        from generated_database import create, fill

        executions = self.sizes.executions
        if executions not in self._databases:
            path = self.path("large") / "stepflow.db"
            asyncio.run(create(path))
            fill(path, executions, steps_each=5)
            self._databases[executions] = path
        return self._databases[executions]
