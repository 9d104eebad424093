from hypothesis import given
from hypothesis import strategies as st

from stepflow.model import is_id, month_of, new_id

TIMES = st.integers(0, 2**47)


@given(TIMES, TIMES, st.binary(min_size=10, max_size=10))
def test_ids_sort_by_their_time(one: int, other: int, randomness: bytes) -> None:
    first, second = new_id(one, randomness), new_id(other, randomness)
    assert (first < second) == (one < other)
    assert is_id(first)


def test_an_id_knows_its_month() -> None:
    assert month_of(new_id(1_700_000_000_000, bytes(10))) == "202311"
    assert month_of("6fa459ea-ee8a-4ca4-894e-db77e160355e") is None


def test_only_the_canonical_spelling_is_an_id() -> None:
    identity = new_id(0, b"0123456789")
    assert is_id(identity)
    assert not is_id(identity.upper())
    assert not is_id("../" + identity)
    assert not is_id("")
