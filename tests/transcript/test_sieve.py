from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepflow.transcript import sieve
from stepflow.transcript.sieve import Sieve

logs = st.lists(
    st.sampled_from([b"needle", b"need", b"le", b"\n", b"x" * 9, b"." * 40, b"ab\n"]), max_size=40
).map(b"".join)


def line_starts(data: bytes, literal: bytes) -> list[int]:
    """What a search program tells: the offset of each line with the literal."""
    starts = []
    offset = 0
    for line in data.split(b"\n"):
        if literal in line:
            starts.append(offset)
        offset += len(line) + 1
    return starts


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=logs, where=st.integers(0, 30), literal=st.sampled_from([b"needle", b"e", b"el"]))
def test_what_is_left_has_the_same_matching_lines_at_the_same_places(
    monkeypatch: pytest.MonkeyPatch, data: bytes, where: int, literal: bytes
) -> None:
    monkeypatch.setattr(sieve, "PIECE_BYTES", 16)
    start = ([0] + [n + 1 for n, byte in enumerate(data) if byte == 10])[: where + 1][-1]

    def blocks(offset: int, length: int) -> list[bytes]:
        edges = [offset, *range(offset - offset % 8 + 8, offset + length, 8), offset + length]
        return [data[a:b] for a, b in pairwise(edges) if data[a:b]]

    one = Sieve(blocks, None, start, len(data), literal)
    given_bytes = b"".join(b"".join(part) for part in one)
    found = [one.line_at(given) for given in line_starts(given_bytes, literal)]
    assert found == [start + at for at in line_starts(data[start:], literal)]


def test_pieces_without_the_literal_are_left_out() -> None:
    data = b"x" * 5_000_000 + b"\nneedle\n" + b"y" * 5_000_000
    one = Sieve(lambda at, n: [data[at : at + n]], None, 0, len(data), b"needle")
    assert sum(len(block) for blocks in one for block in blocks) <= 2 * sieve.PIECE_BYTES
