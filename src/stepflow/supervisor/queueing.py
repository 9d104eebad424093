"""When the executions of the queue will start, as far as it is known how long others take."""

import heapq
from collections.abc import Iterable
from math import inf

import msgspec


class Waiting(msgspec.Struct, frozen=True):
    """`place` is 1 for the one that starts next. `starts_in` is None where it can't be told."""

    place: int
    starts_in: float | None


def starts_in(
    remaining: Iterable[float | None], usual: Iterable[float | None], places: int
) -> list[float | None]:
    """Seconds until each of the queue starts, in its order.

    `remaining` is how long the running ones will go on, `usual` how long those of the queue
    usually take, None where nobody knows; `places` is how many may run at a time.
    """
    ends = [inf if seconds is None else seconds for seconds in remaining]
    ends += [0.0] * (places - len(ends))
    heapq.heapify(ends)
    starts = []
    for seconds in usual:
        start = heapq.heappop(ends)
        starts.append(start)
        heapq.heappush(ends, start + (inf if seconds is None else seconds))
    return [None if start == inf else start for start in starts]
