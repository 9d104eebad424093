"""The one place where an execution's end becomes an exit code of the command line."""

from stepflow.cli.client import Json

TIMED_OUT = 124
LOST = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127
CANCELLED = 130
_SIGNALLED = 128


def exit_code(execution: Json) -> int:
    """As a shell says it: the script's own code, 128 + n for signal n, 124 for a timeout, 126 and
    127 where it could not start, 130 when it was cancelled, 125 when nobody knows."""
    outcome = execution.get("outcome") or {}
    match outcome.get("kind"):
        case "succeeded":
            return 0
        case "failed":
            return int(outcome["exit_code"])
        case "killed":
            return _SIGNALLED + int(outcome["signal"])
        case "timed_out":
            return TIMED_OUT
        case "cancelled":
            return CANCELLED
        case "could_not_start":
            return NOT_FOUND if _no_program(str(outcome["reason"])) else NOT_EXECUTABLE
        case "stopped_on_error" | "log_limit" | "said_failed":
            return execution.get("exit_code") or 1
        case "lost":
            return LOST
        case _:
            return (
                0 if execution.get("status") == "completed" else execution.get("exit_code") or LOST
            )


def _no_program(reason: str) -> bool:
    return "No such file" in reason and not reason.startswith("the working directory")
