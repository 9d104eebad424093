"""What the server process asks of the kernel for itself, once, at its start."""

import ctypes
import os
import resource

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """From now on a script whose pump dies becomes our child, so that its exit can be seen."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def make_undumpable() -> None:
    """Scripts run as our user; now they can read neither our environment nor our memory."""
    _prctl(_PR_SET_DUMPABLE, 0)


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one; returns the original soft limit, which
    is what scripts get (programs that use select() break beyond 1024)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
