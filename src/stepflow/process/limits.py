"""What the server process asks of kernel and C library for itself, once, at its start."""

import ctypes
import os
import resource

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

KEPT_BYTES = 16 << 20
LARGEST_KEPT_BYTES = 1 << 20


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


def keep_freed_memory() -> None:
    """Buffers of a flood come and go thousands of times a second; given back to the kernel each
    time, they would be zeroed and mapped anew as often, which takes longer than reading them."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # the GNU C library's own
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
