"""The environment that a script gets: its starter's, less what is the server's own business."""

from collections.abc import Iterable, Mapping
from typing import Literal

from stepflow.errors import InvalidRequest

Mode = Literal["inherit", "minimal"]

OURS = "STEPFLOW_EXECUTION_ID"
DROPPED_PREFIXES = ("STEPFLOW_", "LISTEN_", "WATCHDOG_")
DROPPED_NAMES = frozenset({"NOTIFY_SOCKET", "INVOCATION_ID", "JOURNAL_STREAM"})
MINIMAL_NAMES = frozenset({"PATH", "HOME", "USER", "SHELL", "LANG", "TZ"})
DEFAULTS = {
    "PYTHONUNBUFFERED": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "DEBIAN_FRONTEND": "noninteractive",
}


def script_environment(
    base: Mapping[str, str],
    delta: Mapping[str, str],
    execution_id: str,
    mode: Mode = "inherit",
    also_drop: Iterable[str] = (),
) -> dict[str, str]:
    """`base` as far as `mode` lets it through, then our defaults, then `delta`, which wins over
    both; the execution's id wins over all. Raises InvalidRequest for names that can't be."""
    for name, value in delta.items():
        _check(name, value)
    unwanted = DROPPED_NAMES.union(also_drop)
    kept = {
        name: value
        for name, value in base.items()
        if name not in unwanted
        and not name.startswith(DROPPED_PREFIXES)
        and (mode == "inherit" or name in MINIMAL_NAMES)
    }
    return {**kept, **DEFAULTS, **delta, OURS: execution_id}


def _check(name: str, value: str) -> None:
    if not name or "=" in name or "\0" in name + value:
        raise InvalidRequest(f"{name!r} can't be an environment variable", field="environment")
