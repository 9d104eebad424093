import os
import subprocess
import sys
from pathlib import Path

from launching import ended, folder_at, launch_of, shell, started

from eventually import eventually
from stepflow.process import Usage, read_status, usage_of

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


def test_a_tree_is_counted_whole() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "sleep 60 & sleep 60 & wait"]) as shell:
        usage = eventually(lambda: (now := usage_of([shell.pid])[shell.pid]).processes == 3 and now)
        assert usage.memory_bytes > 3 * 100_000
        subprocess.run(["pkill", "-P", str(shell.pid)], check=True)


def test_time_of_children_that_ended_is_not_lost(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    burn = f"{sys.executable} -c '{BURN}'; echo burnt; sleep 60"
    with started(folder, shell(burn)) as pump:
        eventually(lambda: folder.log.exists() and folder.log.read_bytes() == b"burnt\n")
        assert usage_of([pump.pid])[pump.pid].cpu_seconds >= 0.2
        pump.kill()
        ended(folder, pump)


def test_a_pump_is_not_part_of_its_scripts_tree(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    with started(folder, launch_of("sleep", "60")) as pump:
        script = eventually(lambda: read_status(folder.status).script).identity.pid
        eventually(lambda: Path(f"/proc/{script}/comm").read_text() == "sleep\n")
        both = usage_of([pump.pid, script])
        assert both[pump.pid].processes == both[script].processes == 1
        assert both[pump.pid].memory_bytes == both[script].memory_bytes
        pump.kill()
        ended(folder, pump)


def test_a_script_that_escaped_its_session_still_counts(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    with started(folder, shell("(setsid sleep 60 &); sleep 60")) as pump:
        eventually(lambda: usage_of([pump.pid])[pump.pid].processes == 3)
        pump.kill()
        ended(folder, pump)


def test_one_that_is_gone_uses_nothing() -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    assert usage_of([gone.pid, os.getpid()])[gone.pid] == Usage()
