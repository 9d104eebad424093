"""The vectors, shared and our own: what each line of output means."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stepflow.events import as_json
from stepflow.markers.dialects import DIALECTS
from stepflow.timeline import ParserOptions, parser_for

VECTORS = [
    json.loads(line)
    for name in ("marker_vectors.jsonl", "own_vectors.jsonl")
    for line in Path(__file__).with_name(name).read_text("utf-8").splitlines()
]


def test_the_vectors_speak_of_every_dialect() -> None:
    told = {vector["dialect"] for vector in VECTORS}
    assert told == {dialect.name for dialect in DIALECTS} | {"github-file", "mixed"}


def events_of(vector: dict[str, Any], chunks: list[bytes]) -> list[dict[str, Any]]:
    options = msgspec.convert(vector.get("options", {}), ParserOptions)
    parser = parser_for(options, with_lines=True)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    events += parser.finish(vector["exit_code"]) if "exit_code" in vector else parser.flush()
    return [as_json(event) for event in events]


def assert_as_expected(actual: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    told = [{k: a.get(k) for k in e} for a, e in zip(actual, expected, strict=False)]
    assert (len(actual), told) == (len(expected), expected), actual


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_a_vector_gives_its_events(vector: dict[str, Any]) -> None:
    chunks = vector.get("chunks", [vector["input"]])
    encoded = [chunk.encode("utf-8", "surrogateescape") for chunk in chunks]
    assert_as_expected(events_of(vector, encoded), vector["expect"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_a_vector_gives_its_events_byte_by_byte(vector: dict[str, Any]) -> None:
    data = vector["input"].encode("utf-8", "surrogateescape")
    chunks = [data[i : i + 1] for i in range(len(data))]
    assert_as_expected(events_of(vector, chunks), vector["expect"])
