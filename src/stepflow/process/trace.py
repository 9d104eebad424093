"""Scripts without markers: bash itself tells of each command, by `trace.bash` beside this file."""

from collections.abc import Mapping
from pathlib import Path

_SCRIPT = Path(__file__).with_name("trace.bash")


def traced(environment: Mapping[str, str], out: Path) -> dict[str, str]:
    """The environment in which a bash that writes to `out` or to a terminal tells of its commands.
    Its own BASH_ENV is read as well, and all that bash starts finds the environment as it was."""
    own = environment.get("BASH_ENV")
    kept = {} if own is None else {"_STEPFLOW_BASH_ENV": own}
    return {**environment, **kept, "BASH_ENV": str(_SCRIPT), "_STEPFLOW_TRACE": str(out)}
