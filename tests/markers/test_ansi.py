"""Control sequences of terminals, and what is left without them."""

import pytest

from stepflow.markers import ansi
from stepflow.markers.pipeline import log_text, marker_text, whole_characters


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[?25l\x1b[2Kx\x1b[1A", "x"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://h/\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b_bk;t=123\x07x", "x"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("\x1b(Bx\x1b=y\x1b7", "xy"),
        ("x\x1b", "x"),
        ("x\x1b[", "x"),
        ("\x1b]0;unfinished", "0;unfinished"),
        ("\x1b[8mha:////4AAAB==\x1b[0mx", "x"),
    ],
)
def test_sequences_are_stripped(text: str, plain: str) -> None:
    assert ansi.plain(text) == plain


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\r\r", "a"),
        (b"10%\r 20%\r", " 20%"),
        (b"x\r   ", "x"),
        (b"\x1b]0;a\rb\x07x", "x"),
        (b"\xff\xfe", "��"),
        (b"  indented", "  indented"),
    ],
)
def test_a_log_line_is_its_last_state(raw: bytes, text: str) -> None:
    assert log_text(raw) == text


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_cut_never_splits_a_character(cut: int) -> None:
    assert whole_characters("x€"[:2].encode()[:cut]).decode() == ("x" if cut < 4 else "x€")


def test_the_marker_text_ends_at_64_kib_with_a_whole_character() -> None:
    assert marker_text("é".encode() * 40_000 + b"x") == "é" * 32_768
    assert marker_text(b"x" + "é".encode() * 40_000) == "x" + "é" * 32_767
