"""How an execution ended, with the data that each ending carries.

The database and the API show the original's coarse `status`; the outcome is the truth behind it.
"""

import signal
from typing import assert_never

import msgspec


class _Outcome(msgspec.Struct, frozen=True, tag_field="kind"):
    pass


class Succeeded(_Outcome, frozen=True, tag="succeeded"):
    pass


class Failed(_Outcome, frozen=True, tag="failed"):
    exit_code: int


class Killed(_Outcome, frozen=True, tag="killed"):
    signal: int


class TimedOut(_Outcome, frozen=True, tag="timed_out"):
    after_seconds: float


class Cancelled(_Outcome, frozen=True, tag="cancelled"):
    by: str


class SaidFailed(_Outcome, frozen=True, tag="said_failed"):
    """By a marker of the script itself; it may have ended with 0."""

    message: str | None = None


class StoppedOnError(_Outcome, frozen=True, tag="stopped_on_error"):
    step: str


class LogLimit(_Outcome, frozen=True, tag="log_limit"):
    limit_bytes: int


class CouldNotStart(_Outcome, frozen=True, tag="could_not_start"):
    reason: str


class Lost(_Outcome, frozen=True, tag="lost"):
    reason: str


Outcome = (
    Succeeded
    | Failed
    | Killed
    | TimedOut
    | Cancelled
    | SaidFailed
    | StoppedOnError
    | LogLimit
    | CouldNotStart
    | Lost
)


def in_words(outcome: Outcome) -> str:
    """One short sentence for people, without a final dot."""
    match outcome:
        case Succeeded():
            return "succeeded"
        case Failed(exit_code=code):
            return f"failed with exit code {code}"
        case Killed(signal=number):
            return f"killed by {signal_name(number)}"
        case TimedOut(after_seconds=after):
            return f"timed out after {after:g} s"
        case Cancelled(by=by):
            return f"cancelled by {by}"
        case SaidFailed(message=message):
            return "failed, as the script said" + (f": {message}" if message else "")
        case StoppedOnError(step=step):
            return f"stopped because the step {step!r} failed"
        case LogLimit(limit_bytes=limit):
            return f"stopped at the log limit of {limit} bytes"
        case CouldNotStart(reason=reason):
            return f"could not start: {reason}"
        case Lost(reason=reason):
            return f"lost: {reason}"
        case _:
            assert_never(outcome)


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
