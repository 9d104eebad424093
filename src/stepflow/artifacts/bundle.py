"""All artifacts of an execution in one zip file that is made while it is sent.

A generator that is pulled: memory stays at one piece however large the files are, and a reader who
goes away ends it.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import msgspec

from stepflow.model import Artifact

MISSING = "MISSING.txt"
_PIECE_BYTES = 256 << 10
# What is compressed already only loses time by it.
_PACKED = ("application/zstd", "application/zip", "application/gzip", "image/", "video/", "audio/")


class Entry(msgspec.Struct, frozen=True):
    """A file, and what it is called in the zip file."""

    name: str
    path: Path
    is_packed: bool


class _Sink(io.RawIOBase):
    """What was written since it was last taken. It can't seek, so the zip file never goes back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def pack_zip(entries: Sequence[Entry], missing: Sequence[str]) -> Iterator[bytes]:
    """The pieces of a zip file of `entries`, and of a text that lists what is `missing`."""
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_DEFLATED) as bundle:
        for entry in entries:
            info = ZipInfo.from_file(entry.path, entry.name, strict_timestamps=False)
            info.compress_type = ZIP_STORED if entry.is_packed else ZIP_DEFLATED
            with entry.path.open("rb") as source, bundle.open(info, "w") as target:
                while piece := source.read(_PIECE_BYTES):
                    target.write(piece)
                    yield sink.taken()
        if missing:
            bundle.writestr(MISSING, "".join(f"{line}\n" for line in missing))
    yield sink.taken()


def entry_of(artifact: Artifact, path: Path, taken: set[str]) -> Entry:
    """The artifact's place in the zip file, which is then in `taken`: where it lay beside the
    script, if that is a place that a zip file may name."""
    source = PurePosixPath(artifact.source_path)
    is_plain = not source.is_absolute() and ".." not in source.parts and "\\" not in str(source)
    folder = source.parent if is_plain else PurePosixPath()
    file = PurePosixPath(artifact.file_name or artifact.name)
    number, name = 1, str(folder / file.name)
    while name in taken:
        number += 1
        name = str(folder / f"{file.stem} ({number}){file.suffix}")
    taken.add(name)
    return Entry(name, path, artifact.mime_type.startswith(_PACKED))
