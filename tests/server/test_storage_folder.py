import fcntl
import os
import subprocess
import threading
from pathlib import Path

import pytest

from stepflow.errors import NoSpace, StorageOwned, StorageUnusable
from stepflow.server.storage import StorageFolder, owner_of


def test_a_folder_has_one_owner_who_is_named(tmp_path: Path) -> None:
    owner = StorageFolder.take(tmp_path / "storage", is_private=True)
    with pytest.raises(StorageOwned, match=f"process {os.getpid()}"):
        StorageFolder.take(tmp_path / "storage", is_private=False)
    named = owner_of(tmp_path / "storage")
    assert named is not None
    assert (named.pid, named.is_private) == (os.getpid(), True)
    owner.release()
    assert owner_of(tmp_path / "storage") is None
    StorageFolder.take(tmp_path / "storage", is_private=False).release()


def test_who_only_looks_does_not_keep_a_server_from_starting(tmp_path: Path) -> None:
    StorageFolder.take(tmp_path / "storage", is_private=False).release()
    looking = os.open(tmp_path / "storage/server.lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    looked = threading.Timer(0.05, os.close, [looking])
    looked.start()
    StorageFolder.take(tmp_path / "storage", is_private=False).release()
    looked.join()


def test_a_new_folder_is_private_to_its_user(tmp_path: Path) -> None:
    StorageFolder.take(tmp_path / "storage", is_private=False).release()
    for name in ("", "database", "executions", "artifacts"):
        assert (tmp_path / "storage" / name).stat().st_mode & 0o777 == 0o700


def test_the_self_test_leaves_nothing_behind(tmp_path: Path) -> None:
    StorageFolder.take(tmp_path / "storage", is_private=False).release()
    names = {path.name for path in (tmp_path / "storage").iterdir()}
    assert names == {"database", "executions", "artifacts", "server.lock"}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "storage").write_text("not a folder")
    with pytest.raises(StorageUnusable, match="is not a folder"):
        StorageFolder.take(tmp_path / "storage", is_private=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        if os.environ.get("CI"):
            pytest.fail("mounting a tmpfs needs root")
        pytest.skip("mounting a tmpfs needs root")
    return disk


def test_a_read_only_file_system_is_named(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        with pytest.raises(StorageUnusable, match="read-only file system"):
            StorageFolder.take(small_disk / "storage", is_private=False)
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)


def test_a_full_disk_is_named(small_disk: Path) -> None:
    (small_disk / "storage").mkdir()
    (small_disk / "ballast").write_bytes(bytes(60_000))
    try:
        with pytest.raises(NoSpace, match="the disk is full"):
            StorageFolder.take(small_disk / "storage", is_private=False)
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)
