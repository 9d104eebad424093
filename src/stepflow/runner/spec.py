"""`spec.json`: what a start needs and the row must not hold; written once, removed at the end."""

import os
from pathlib import Path

import msgspec

from stepflow.process import Launch, write_all


class Spec(msgspec.Struct, frozen=True):
    """`secrets` are the values that no reader of the transcript may see."""

    launch: Launch
    secrets: list[str] = []

    def save(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(descriptor, msgspec.json.encode(self))
        finally:
            os.close(descriptor)
        partial.rename(path)

    @classmethod
    def load(cls, path: Path) -> "Spec":
        return msgspec.json.decode(path.read_bytes(), type=cls)
