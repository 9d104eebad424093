"""An artifact: a file that an execution named, and what became of the wish to keep it."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class ArtifactState(StrEnum):
    """`waiting`: not there yet, looked for again at the end. `link`: a URL, never fetched."""

    STORED = "stored"
    WAITING = "waiting"
    MISSING = "missing"
    REFUSED = "refused"
    LINK = "link"


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A durable artifact. `file_path` is relative to the storage's parent, as in the original;
    `source_path` is what the marker said; `problem` says why a file is not here."""

    id: str
    execution_id: str
    name: str
    created_at: datetime
    step_id: str | None = None
    description: str | None = None
    file_path: str = ""
    file_name: str = ""
    file_size: int = 0
    mime_type: str = "application/octet-stream"
    artifact_type: str = "other"
    tags: list[str] = []
    is_public: bool = False
    retention_days: int | None = None
    metadata: dict[str, Any] = {}
    state: ArtifactState = ArtifactState.STORED
    source_path: str = ""
    problem: str | None = None
    sha256: str | None = None
    line: int | None = None


def artifact_id(execution_id: str, number: int) -> str:
    """The id of an execution's n-th artifact: derived, so keeping one twice changes nothing."""
    return str(uuid.uuid5(uuid.UUID(execution_id), f"artifact/{number}"))
