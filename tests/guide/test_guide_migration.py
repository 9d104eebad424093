"""The guide's phases 2 to 5, from new code to monitoring."""

import json
import py_compile
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from installation import Installation

from documents import ROOT
from eventually import eventually
from guide_blocks import Block, types


@types("2.1 Update Application Code")
def test_new_code_is_pulled(fresh: Installation, block: Block) -> None:
    typed = fresh.type(block.text)
    assert typed.code == 0, typed.err
    assert fresh.type("git log -1 --format=%s").out == "now\n"


@types("2.2 Install Dependencies")
def test_the_dependencies_can_be_verified(running: Installation, block: Block) -> None:
    typed = running.type(block.text)
    assert (typed.code, typed.err) == (0, "")
    assert typed.out.startswith("aiosqlite ")


@types("2.3 Validate Code Changes")
def test_the_code_is_valid(running: Installation, block: Block) -> None:
    typed = running.type(block.text)
    assert (typed.out, typed.err) == ("Code validation successful\n", "")


def test_an_old_python_is_told_what_is_needed_instead_of_a_traceback() -> None:
    pyenv = shutil.which("pyenv")
    roots = [subprocess.check_output([pyenv, "root"], text=True).strip()] if pyenv else []
    old = [python for root in roots for python in Path(root).glob("versions/3.8*/bin/python")]
    if not old:
        pytest.skip("needs Python 3.8")
    files = [str(ROOT / name) for name in ("app/main.py", "app/core/persistence.py")]
    compiled = subprocess.run([old[0], "-m", "py_compile", *files], check=False)
    assert compiled.returncode == 0
    told = subprocess.run([old[0], files[0]], capture_output=True, text=True, check=False)
    assert told.stderr.startswith("StepFlow Monitor needs 3.11 or newer")


def test_the_entry_points_compile_under_this_python(tmp_path: Path) -> None:
    for name in ("main.py", "core/persistence.py"):
        py_compile.compile(str(ROOT / "app" / name), str(tmp_path / "out"), doraise=True)


@types("3.1 Start Optimized Application")
def test_the_start_says_that_wal_is_active(legacy: Installation, block: Block) -> None:
    # The first command stays; the second is for another terminal.
    start, watch = block.text.split("\n\n")
    legacy.type_until(start, r" serving version=")
    assert "WAL" in legacy.type_until(watch, r"(?i)wal")
    assert legacy.start().names() == ["Nightly 🚀", "Nightly 🚀"]


@types("3.2 Verify WAL Mode Activation")
def test_wal_is_active(running: Installation, block: Block) -> None:
    mode, *listed = running.type(block.text).out.splitlines()
    assert mode == "wal"
    names = [line.rpartition("/")[2] for line in listed]
    assert names == ["stepflow.db", "stepflow.db-shm", "stepflow.db-wal"]


@types("3.3 Performance Validation")
def test_an_answer_takes_less_than_five_milliseconds(running: Installation, block: Block) -> None:
    def took_ms() -> float:
        running.type("cp ../curl-format.txt . 2>/dev/null")
        said = running.type(block.text).out
        return 1000 * float(re.findall(r"time_total:\s+([\d.]+)s", said)[-1])

    shutil.copy(ROOT / "curl-format.txt", running.clone)
    eventually(lambda: took_ms() < 5)


@types("4.1 Data Integrity Check")
def test_all_data_is_accessible_beside_the_server(running: Installation, block: Block) -> None:
    typed = running.type(block.text)
    assert re.match(r"Found [1-9]\d* executions\nFound 0 steps", typed.out), typed.err
    assert typed.out.endswith("Data integrity check passed\n")


@types("4.2 Functional Testing")
def test_an_execution_is_created_and_found(running: Installation, block: Block) -> None:
    said = running.type(block.text).out
    made, end = json.JSONDecoder().raw_decode(said)
    page = json.loads(said[end:])
    assert made["name"] == "Migration Test"
    assert made["id"] in [one["id"] for one in page["executions"]]
    assert page["limit"] == 5


@types("4.3 Performance Baseline")
def test_the_performance_test_measures_and_judges(running: Installation, block: Block) -> None:
    # On a busy machine it may fail, and must then say so; 2 would mean that nothing was measured.
    typed = running.type(block.text)
    assert typed.code in (0, 1), typed.err
    for expected in ("Database operations", "> 500 ops/s", "20+", "< 5 ms"):
        assert expected in typed.out
    assert not [name for name in running.names() if name == "Performance test"]


@types("5.1 Configure Production Settings")
def test_the_production_settings_are_settings(running: Installation, block: Block) -> None:
    typed = running.type(block.text + "python3 -m stepflow config")
    assert typed.out.startswith("Production configuration applied\n")
    assert re.search(r"^STEPFLOW_STORAGE_PATH +/app/storage +.*environment", typed.out, re.M)
    assert typed.err == ""


@types("5.2 Setup Monitoring")
def test_metrics_and_the_performance_line_are_there(running: Installation, block: Block) -> None:
    said = running.type_until(block.text, r"performance .* \d+\.\d+\n")
    assert json.JSONDecoder().raw_decode(said)[0]["database"]["wal_mode"] is True
