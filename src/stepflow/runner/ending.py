"""How an execution ended, decided from what its pump recorded and what was asked for before."""

import os

from stepflow.model import (
    Cancellation,
    Cancelled,
    CouldNotStart,
    Execution,
    Failed,
    Killed,
    LogLimit,
    Lost,
    Outcome,
    SaidFailed,
    Succeeded,
    TimedOut,
    in_words,
)
from stepflow.process import ExitRecord, Launch, Stage, Why


def outcome_of(
    exit_: ExitRecord,
    launch: Launch,
    *,
    cancellation: Cancellation | None,
    timeout: float | None,
    max_log_bytes: int | None,
    learned_code: int | None = None,
) -> Outcome:
    """The truth about an ended script.

    A cancellation counts only if it is what ended the script: one that finished by itself just
    before has its own outcome. `learned_code` is what the server found out where the pump could
    not (negative: a signal).
    """
    match exit_.why:
        case Why.COULD_NOT_START:
            return CouldNotStart(_why_not_started(exit_, launch))
        case Why.DEADLINE:
            return TimedOut(timeout or 0.0)
        case Why.LOG_LIMIT:
            return LogLimit(max_log_bytes or 0)
        case Why.ASKED if cancellation is not None:
            return cancellation.outcome
        case _:
            return _by_exit(exit_, cancellation, learned_code)


def _why_not_started(exit_: ExitRecord, launch: Launch) -> str:
    error = exit_.start_error
    assert error is not None
    match error.stage:
        case Stage.CHDIR:
            return f"the working directory {launch.working_directory}: {os.strerror(error.errno)}"
        case Stage.EXEC:
            return f"{launch.argv[0]}: {os.strerror(error.errno)}"
        case _:
            return str(error)


def _by_exit(
    exit_: ExitRecord, cancellation: Cancellation | None, learned_code: int | None
) -> Outcome:
    if exit_.signal is not None:
        return cancellation.outcome if cancellation else Killed(exit_.signal)
    code = exit_.code if exit_.code is not None else learned_code
    if code is None:
        return cancellation.outcome if cancellation else Lost("the exit code is unknown")
    if code < 0:
        return cancellation.outcome if cancellation else Killed(-code)
    return Failed(code) if code else Succeeded()


def with_result(outcome: Outcome, execution: Execution) -> Outcome:
    """The outcome, or what the script itself said by a marker, where that is worse."""
    if not isinstance(outcome, Succeeded):
        return outcome
    match execution.result:
        case "failed":
            return SaidFailed(execution.result_message)
        case "cancelled":
            return Cancelled("the script")
        case _:
            return outcome


def exit_code_of(exit_: ExitRecord | None, learned_code: int | None = None) -> int | None:
    """The exit code as a shell gives it: 128 + n for the signal n; None if nobody knows it."""
    if exit_ is not None and exit_.signal is not None:
        return 128 + exit_.signal
    if exit_ is not None and exit_.code is not None:
        return exit_.code
    if exit_ is not None and exit_.start_error is not None:
        return 127
    if learned_code is not None and learned_code < 0:
        return 128 - learned_code
    return learned_code


def error_message(outcome: Outcome, last_error: str | None) -> str | None:
    """What went wrong in one line: the outcome, and the last error that the script told of."""
    words = in_words(outcome)
    if words == "succeeded":
        return last_error
    return words if last_error is None else f"{words}: {last_error}"
