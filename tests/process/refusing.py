"""Programs that run where one system call is refused with EINVAL, as some machines refuse it."""

import sys

SPLICE = {"x86_64": 275, "aarch64": 76}
INOTIFY = {"x86_64": 294, "aarch64": 26}

_REFUSE = """
import ctypes, os, platform, struct, sys
numbers = {numbers}
code = [(0x20, 0, 0, 0), (0x15, 0, 1, numbers[platform.machine()]), (6, 0, 0, 0x50016),
        (6, 0, 0, 0x7FFF0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *one) for one in code))
filters = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 4, ctypes.addressof(program)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filters) == 0
for fd in (3, 4, 5):
    os.set_inheritable(fd, True)
os.execv(sys.argv[1], sys.argv[1:])
"""


def without(numbers: dict[str, int]) -> list[str]:
    """The wrapper of a pump: seccomp for itself, then the pump."""
    return [sys.executable, "-I", "-S", "-c", _REFUSE.replace("{numbers}", repr(numbers))]
