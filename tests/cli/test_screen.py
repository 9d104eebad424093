import pytest

from stepflow.cli.screen import harmless


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"plain\ttext", b"plain\ttext"),
        (b"\x1b[31mred\x1b[0m", b"\x1b[31mred\x1b[0m\x1b[0m"),
        (b"10%\r50%\r", b"50%"),
        (b"\x1b]0;title\x07text", b"text"),
        (b"\x1b]52;c;aGk=\x1b\\text", b"text"),
        (b"\x1bP1;2q secret\x1b\\text", b"text"),
        (b"\x1b[2J\x1b[Htext\x1b", b"text"),
        (b"a\x00\x07\x08b", b"ab"),
    ],
)
def test_a_line_can_colour_but_not_steer_the_terminal(line: bytes, expected: bytes) -> None:
    assert harmless([line]) == expected + b"\n"


def test_lines_without_sequences_go_through_as_they_are() -> None:
    assert harmless([b"a", b"", b"\xff"]) == b"a\n\n\xff\n"
