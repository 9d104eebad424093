"""Pages of executions that were asked for a moment ago: every overview asks for the same one.

A page is remembered until anything is written. What has ended is remembered as it is shown; what
goes on has a duration that grows, and is made anew for each answer.
"""

import asyncio
from datetime import timedelta

import msgspec

from stepflow.store import Page, Query, Store
from stepflow.web.shapes import ExecutionShape

COUNT_WITHIN = timedelta(milliseconds=50)
MOST_PAGES = 16
MOST_BYTES = 256 << 10


class Listing(msgspec.Struct, frozen=True):
    """A page as it is in the store at a revision, and how many executions all pages have together;
    `ended` are the shapes that can't change any more, by id."""

    revision: int | None
    page: Page
    total_count: int | None
    ended: dict[str, ExecutionShape]


class Listings:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._revision: int | None = None
        self._kept: dict[Query, Listing] = {}

    async def listing(self, query: Query) -> Listing:
        """What the store has now: InvalidRequest names a bad cursor or limit."""
        revision = await self._store.revision()
        if revision is None or revision != self._revision:
            self._kept.clear()
            self._revision = revision
        kept = self._kept.get(query)
        if kept is not None:
            return kept
        page, total_count = await _page_and_total(self._store, query)
        return Listing(revision, page, total_count, {})

    def keep(self, query: Query, listing: Listing, size_bytes: int) -> None:
        """Remember a listing whose answer is of this size, if it is whole and worth the memory."""
        is_of_now = listing.revision is not None and listing.revision == self._revision
        if not is_of_now or listing.total_count is None:
            return
        if size_bytes > MOST_BYTES or query in self._kept:
            return
        if len(self._kept) == MOST_PAGES:
            del self._kept[next(iter(self._kept))]
        self._kept[query] = listing


async def _page_and_total(store: Store, query: Query) -> tuple[Page, int | None]:
    """Both at once where they take their time; else two tasks would cost more than they save."""
    if query.text is None:
        return await store.executions(query), await store.count(query, within=COUNT_WITHIN)
    page, total = await asyncio.gather(
        store.executions(query), store.count(query, within=COUNT_WITHIN)
    )
    return page, total
