"""The files into which a script writes what it has to say: outputs, variables, a summary.

They lie in its execution's folder until it has ended. How far each was read is a part of the
parser's state, so nothing is told twice and nothing is lost, whenever a server dies.
"""

import os
import shutil
import stat
from collections.abc import Iterable, Mapping

import msgspec

from stepflow.markers.environment_files import FILE_BYTES, EnvironmentFile
from stepflow.model import Execution
from stepflow.process import Folder, make_file
from stepflow.timeline import understands

_GITHUB: dict[str, EnvironmentFile] = {
    "GITHUB_OUTPUT": "output",
    "GITHUB_ENV": "env",
    "GITHUB_STATE": "state",
    "GITHUB_PATH": "path",
    "GITHUB_STEP_SUMMARY": "summary",
}
_OWN: dict[str, EnvironmentFile] = {"STEPFLOW_SUMMARY": "summary"}
_KINDS = _GITHUB | _OWN
FILE_NAMES = frozenset(name.lower() for name in _KINDS)


class Content(msgspec.Struct, frozen=True):
    """All that a file holds, up to a byte more than it may; None where it is no file any more."""

    name: str
    kind: EnvironmentFile
    data: bytes | None


def file_variables(
    folder: Folder, execution: Execution, environment: Mapping[str, str]
) -> dict[str, str]:
    """The variables that name the files, but for those that are set: a real runner's stay."""
    kinds = (_GITHUB if understands(execution, "github") else {}) | (
        _OWN if understands(execution, "stepflow") else {}
    )
    place = _place(folder)
    return {name: _path(place, name) for name in kinds if name not in environment}


def create_files(folder: Folder, environment: Mapping[str, str]) -> None:
    """Make the files that these variables name, as empty as a script expects them."""
    for path in _named(folder, environment).values():
        make_file(path)


def remove_files(folder: Folder, names: Iterable[str]) -> None:
    for name in names:
        path = folder.path / name
        try:
            path.unlink(missing_ok=True)
        except (IsADirectoryError, PermissionError):
            # A script may have put anything there.
            shutil.rmtree(path, ignore_errors=True)


class EnvironmentFiles:
    """Those of one execution."""

    def __init__(self, folder: Folder, environment: Mapping[str, str]) -> None:
        self._paths = _named(folder, environment)
        self._versions: dict[str, tuple[int, int]] = {}
        self._changed: list[str] = []

    def have_changed(self) -> bool:
        """Whether there is anything to read since the last look."""
        self._changed = []
        for name, path in self._paths.items():
            try:
                status = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            version = (status.st_size, status.st_mtime_ns)
            is_empty = not status.st_size and stat.S_ISREG(status.st_mode)
            if self._versions.get(name) != version and not is_empty:
                self._versions[name] = version
                self._changed.append(name)
        return bool(self._changed)

    def contents(self) -> list[Content]:
        """What those hold that have changed. It blocks: call it in a thread."""
        return [Content(name, _KINDS[name], _content(self._paths[name])) for name in self._changed]


def _named(folder: Folder, environment: Mapping[str, str]) -> dict[str, str]:
    """The paths of those that the variables name, and not a file of somebody else's."""
    place = _place(folder)
    paths = {name: _path(place, name) for name in _KINDS}
    return {name: path for name, path in paths.items() if environment.get(name) == path}


def _place(folder: Folder) -> str:
    return os.path.abspath(folder.path)  # noqa: PTH100 - text, since a thousand are resumed at once


def _path(place: str, name: str) -> str:
    return f"{place}/{name.lower()}"


def _content(path: str) -> bytes | None:
    """A script may have put a link in its place, to read what it can't, or a FIFO."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read(FILE_BYTES + 1)
