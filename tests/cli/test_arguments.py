import argparse

import pytest

from stepflow.cli.arguments import Arguments, key_value, nearest, seconds, size_bytes
from stepflow.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25)],
)
def test_a_duration_is_read_as_people_write_it(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "5x", "-3", "1h30", "0", "1..2", "nan", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1000", 1000), ("64K", 64_000), ("1.5GB", 1_500_000_000), ("2GiB", 2 << 30), ("1kib", 1024)],
)
def test_a_size_is_read_as_people_write_it(text: str, expected: int) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "K", "5X", "-1", "1.2.3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="size"):
        size_bytes(text)


def test_a_value_may_hold_further_equals_signs() -> None:
    assert key_value("URL=http://x/?a=b") == ("URL", "http://x/?a=b")


@pytest.mark.parametrize("text", ["NAME", "=value"])
def test_a_variable_needs_a_name_and_an_equals_sign(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="NAME=VALUE"):
        key_value(text)


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    parser = Arguments("stepflow run", "Run")
    parser.add_argument("--timeout")
    with pytest.raises(InvalidRequest, match=r"--timout \(did you mean --timeout\?\)"):
        parser.options(["--timout", "5"])


def test_nothing_near_is_not_guessed() -> None:
    assert nearest("--zzz", ["--timeout"]) == ""
