import hashlib
import io
import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from stepflow.artifacts import ArtifactFolder, Limits
from stepflow.errors import NotFound
from stepflow.model import Artifact, ArtifactState, artifact_id

EXECUTION = "01890a5d-ac96-774b-bcce-b302099a8057"
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path / "storage/artifacts", limits=Limits(1000, 0))


def wanted(path: str, number: int = 0, name: str | None = None) -> Artifact:
    return Artifact(
        id=artifact_id(EXECUTION, number),
        execution_id=EXECUTION,
        name=name or path,
        created_at=AT,
        source_path=path,
        state=ArtifactState.WAITING,
        line=7,
    )


def keep(
    artifacts: ArtifactFolder, work: Path, path: str, number: int = 0, *, last: bool = False
) -> Artifact:
    return artifacts.keep(wanted(path, number), working_directory=work, is_last_try=last)


def test_a_file_is_copied_with_its_checksum(artifacts: ArtifactFolder, work: Path) -> None:
    (work / "out.txt").write_bytes(b"hello")
    kept = keep(artifacts, work, "out.txt")
    (work / "out.txt").write_bytes(b"changed later")
    assert artifacts.path(kept).read_bytes() == b"hello"
    assert kept.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert kept.file_path == f"storage/artifacts/{EXECUTION}/{kept.id}_out.txt"
    assert (kept.file_size, kept.mime_type, kept.line) == (5, "text/plain", 7)


def test_a_missing_file_waits_and_is_missing_only_at_the_end(
    artifacts: ArtifactFolder, work: Path
) -> None:
    assert keep(artifacts, work, "late.txt").state is ArtifactState.WAITING
    gone = keep(artifacts, work, "late.txt", last=True)
    assert gone.state is ArtifactState.MISSING
    assert gone.problem == "late.txt was never there"
    (work / "late.txt").write_bytes(b"x")
    assert keep(artifacts, work, "late.txt", last=True).state is ArtifactState.STORED


def test_a_folder_is_kept_as_a_compressed_archive(artifacts: ArtifactFolder, work: Path) -> None:
    (work / "dist/sub").mkdir(parents=True)
    (work / "dist/sub/a.txt").write_bytes(b"aaa")
    (work / "dist/link").symlink_to("/etc/passwd")
    os.mkfifo(work / "dist/fifo")
    kept = keep(artifacts, work, "dist/")
    assert kept.file_name == "dist.tar.zst"
    packed = artifacts.path(kept).read_bytes()
    raw = zstandard.ZstdDecompressor().stream_reader(packed).read()
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert sorted(tar.getnames()) == ["dist", "dist/link", "dist/sub", "dist/sub/a.txt"]
        assert tar.getmember("dist/link").issym()


@pytest.mark.parametrize("path", ["/etc/hostname", "../secret", "link", "folder/x"])
def test_nothing_outside_of_the_working_directory_is_kept(
    artifacts: ArtifactFolder, work: Path, path: str
) -> None:
    (work.parent / "secret").write_bytes(b"secret")
    (work.parent / "outside").mkdir()
    (work.parent / "outside/x").write_bytes(b"x")
    (work / "link").symlink_to("../secret")
    (work / "folder").symlink_to("../outside")
    kept = keep(artifacts, work, path)
    assert kept.state is ArtifactState.REFUSED
    assert f"it lies outside of {work}" in str(kept.problem)
    with pytest.raises(NotFound, match="outside"):
        artifacts.path(kept)


def test_a_configured_root_is_allowed_too(tmp_path: Path, work: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/x").write_bytes(b"x")
    artifacts = ArtifactFolder(tmp_path / "storage/artifacts", (tmp_path / "shared",))
    assert keep(artifacts, work, str(tmp_path / "shared/x")).state is ArtifactState.STORED


def test_a_file_over_the_limit_is_refused_and_leaves_nothing(
    artifacts: ArtifactFolder, work: Path, tmp_path: Path
) -> None:
    (work / "big").write_bytes(bytes(1001))
    kept = keep(artifacts, work, "big")
    assert kept.problem == "big was not kept: it is larger than the limit of 1000 bytes"
    assert not [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]


def test_a_folder_over_the_limit_is_refused_and_leaves_nothing(
    artifacts: ArtifactFolder, work: Path, tmp_path: Path
) -> None:
    (work / "dist").mkdir()
    (work / "dist/noise").write_bytes(os.urandom(50_000))
    assert keep(artifacts, work, "dist").state is ArtifactState.REFUSED
    assert not [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]


def test_a_fifo_is_refused_without_waiting_for_a_writer(
    artifacts: ArtifactFolder, work: Path
) -> None:
    os.mkfifo(work / "fifo")
    assert "neither a file nor a folder" in str(keep(artifacts, work, "fifo").problem)


def test_two_artifacts_of_one_name_are_two_files(artifacts: ArtifactFolder, work: Path) -> None:
    (work / "a").mkdir()
    (work / "a/r.txt").write_bytes(b"1")
    (work / "r.txt").write_bytes(b"2")
    one, two = keep(artifacts, work, "a/r.txt", 0), keep(artifacts, work, "r.txt", 1)
    assert artifacts.path(one).read_bytes() == b"1"
    assert artifacts.path(two).read_bytes() == b"2"


def test_a_url_is_a_link_and_never_fetched(artifacts: ArtifactFolder, work: Path) -> None:
    kept = keep(artifacts, work, "https://example.invalid/report.html")
    assert (kept.state, kept.name) == (ArtifactState.LINK, "report.html")


def test_a_hostile_name_stays_one_component(artifacts: ArtifactFolder, work: Path) -> None:
    name = "ä" * 120 + "\n\x1b[2J.txt"
    (work / name).write_bytes(b"x")
    kept = keep(artifacts, work, name)
    assert artifacts.path(kept).parent.name == EXECUTION
    assert artifacts.path(kept).name.endswith(".txt")
    assert artifacts.path(kept).name.isprintable()


def test_a_path_that_no_system_has_is_refused(artifacts: ArtifactFolder, work: Path) -> None:
    kept = keep(artifacts, work, "a\0b")
    assert kept.state is ArtifactState.REFUSED
    assert "null byte" in str(kept.problem)


def test_a_storage_that_cannot_be_written_is_the_artifacts_trouble(
    artifacts: ArtifactFolder, work: Path, tmp_path: Path
) -> None:
    (work / "x").write_bytes(b"x")
    (tmp_path / "storage").write_text("a file where the folder should be")
    assert keep(artifacts, work, "x").state is ArtifactState.REFUSED
