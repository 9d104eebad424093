"""The deployment guide's manifest starts three replicas on one volume: the first one owns it."""

import subprocess
from pathlib import Path

import pytest

from server_process import ServerProcess


def test_a_replica_on_the_same_volume_is_refused_with_the_reason(tmp_path: Path) -> None:
    isolated = ["unshare", "--uts", "--pid", "--fork"]
    if subprocess.run([*isolated, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to make namespaces")
    with ServerProcess(tmp_path / "first") as first:
        second = ServerProcess(tmp_path / "second", STEPFLOW_STORAGE_PATH=str(first.storage))
        second.through = [*isolated, "sh", "-c", 'hostname replica-2; exec "$@"', "sh"]
        assert second.spawn().wait(60) == 4
        assert "is owned by a server on " in second.stderr
        assert "replicas: 1, strategy: Recreate" in second.stderr
        first.ended(first.create("true"))


def test_a_private_server_of_another_host_is_not_asked_to_become_public(tmp_path: Path) -> None:
    isolated = ["unshare", "--uts", "--pid", "--fork"]
    if subprocess.run([*isolated, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to make namespaces")
    command = [*ServerProcess(tmp_path / "x").command, "--private"]
    with ServerProcess(tmp_path / "first", command, _STEPFLOW_IDLE_SECONDS="60") as first:
        second = ServerProcess(tmp_path / "second", STEPFLOW_STORAGE_PATH=str(first.storage))
        second.through = [*isolated, "sh", "-c", 'hostname replica-2; exec "$@"', "sh"]
        assert second.spawn().wait(60) == 4
