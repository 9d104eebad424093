"""A few restarts in place seen by everybody at once; `make bench BENCH=restarts` has twenty of them
with 200 scripts, 50 watchers and 200 requests a second."""

import subprocess
import sys
from pathlib import Path

import pytest

from eventually import eventually
from onlookers import Onlookers
from server_process import ServerProcess

RESTARTS, SCRIPTS, REQUESTS_PER_SECOND = 3, 20, 50
COUNTING = "i=0; while [ ! -e end ]; do i=$((i+1)); echo $i; sleep 0.1; done"


@pytest.mark.crash
def test_nobody_notices_a_restart(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as served:
        ids = [served.create(COUNTING) for _ in range(SCRIPTS)]
        assert served.process is not None
        pid = served.process.pid
        onlookers = Onlookers(served.port, REQUESTS_PER_SECOND, ids)
        onlookers.start()
        for count in range(RESTARTS):
            eventually(lambda n=count: onlookers.seen.answers > 20 * n)  # type: ignore[misc]
            told = subprocess.run(
                [sys.executable, "-m", "stepflow", "restart"],
                env=served.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert told.returncode == 0, told.stderr
            assert f"process {pid}, {SCRIPTS} scripts running" in told.stdout
        (tmp_path / "end").touch()
        seen = onlookers.stop()
        served._hang_up()
        assert seen.failures == []
        assert seen.reconnects >= RESTARTS * SCRIPTS
        assert sorted(one for one, _ in seen.texts) == sorted(ids)
        for execution_id, text in seen.texts:
            numbers = text.split()
            assert numbers == [str(n + 1) for n in range(len(numbers))]
            assert text == served.text(execution_id).decode()
            ended = served.execution(execution_id)["execution"]
            assert (ended["status"], ended["exit_code"]) == ("completed", 0)
