import json
import subprocess
import sys

import pytest

LOOK = """
import ctypes, json, resource
from stepflow.process import become_subreaper, make_undumpable, raise_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 128))
original = raise_open_files()
become_subreaper()
make_undumpable()
libc, flag = ctypes.CDLL(None), ctypes.c_int()
libc.prctl(37, ctypes.byref(flag), 0, 0, 0)
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
print(json.dumps([original, limits, flag.value, libc.prctl(3, 0, 0, 0, 0)]))
"""


@pytest.fixture(scope="module")
def seen() -> list[object]:
    ran = subprocess.run([sys.executable, "-c", LOOK], check=True, stdout=subprocess.PIPE)
    found: list[object] = json.loads(ran.stdout)
    return found


def test_open_files_are_raised_and_the_original_limit_is_told(seen: list[object]) -> None:
    assert seen[:2] == [64, [128, 128]]


def test_a_subreaper_is_one_by_the_kernels_word(seen: list[object]) -> None:
    assert seen[2] == 1


def test_an_undumpable_process_is_one_by_the_kernels_word(seen: list[object]) -> None:
    assert seen[3] == 0
