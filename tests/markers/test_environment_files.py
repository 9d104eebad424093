"""Environment files, beyond the shared vectors."""

from typing import Any

import msgspec
import pytest

from stepflow.events import as_json
from stepflow.markers.environment_files import EnvironmentFile, read_file
from stepflow.timeline import ParserOptions, parser_for


def said(kind: EnvironmentFile, content: bytes) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(marker) for marker in read_file(kind, content)]


def test_pairs_stand_though_a_later_delimiter_is_missing() -> None:
    assert said("output", b"a=1\nb<<EOF\nx\n") == [
        {"event": "output", "name": "a", "value": "1"},
        {"event": "warning", "code": "missing_delimiter", "message": "EOF"},
    ]


@pytest.mark.parametrize("content", [b"a<<\nx\n\n", b"<<EOF\nx\nEOF\n", b"just words"])
def test_a_malformed_file_gives_a_diagnostic_alone(content: bytes) -> None:
    assert [m["event"] for m in said("output", content)] == ["warning"]


def test_nothing_is_trimmed_and_an_empty_value_is_fine() -> None:
    assert [(m["name"], m["value"]) for m in said("output", b" a = b \nc=")] == [
        (" a ", " b "),
        ("c", ""),
    ]


def test_a_byte_order_mark_and_carriage_returns_are_dropped() -> None:
    content = b"\xef\xbb\xbfa<<E\r\n1\r\n2\r\nE\r\n"
    assert said("output", content) == [{"event": "output", "name": "a", "value": "1\n2"}]


def test_a_variable_is_recorded_but_never_node_options() -> None:
    assert said("env", b"NODE_OPTIONS=--require x\nA=1\n") == [
        {"event": "warning", "code": "unsupported_command", "command": "NODE_OPTIONS"},
        {"event": "env", "name": "A", "value": "1"},
    ]


def test_a_path_has_an_entry_per_line() -> None:
    assert [m["prepend"] for m in said("path", b"/a\n\n/b c\n")] == ["/a", "/b c"]


def test_a_summary_is_taken_whole_or_not_at_all() -> None:
    assert said("summary", b"# a\n  b\n") == [{"event": "summary", "markdown": "# a\n  b\n"}]
    assert said("summary", b" \n") == []
    assert [m["event"] for m in said("summary", b"x" * (1024 * 1024 + 1))] == ["warning"]


def test_a_state_file_is_checked_and_says_nothing() -> None:
    assert said("state", b"a=1\n") == []
    assert [m["event"] for m in said("state", b"a")] == ["warning"]


def test_a_file_may_come_in_pieces() -> None:
    parser = parser_for(ParserOptions(file="output"))
    assert [*parser.feed(b"a<<E\n"), *parser.feed(b"x\nE\n")] == []
    (event,) = parser.finish(0)
    assert as_json(event)["value"] == "x"
