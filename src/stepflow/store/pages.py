"""Pages of executions: which index walks them, where a cursor stands, and how many there are.

Newest first by (created_at, seq). Every index that begins with what is filtered by and ends in that
order is walked from the cursor on, one walk for each status, merged. The index is named in every
query, since the planner's guess walks all rows for some pairs of filters.
"""

import base64
import sqlite3
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

import msgspec

from stepflow.errors import InvalidRequest
from stepflow.model import Status
from stepflow.store.protocol import MAX_PAGE, Page, Query
from stepflow.store.rows import execution_of, time_text
from stepflow.store.search import match_text

_LAST_SEQ = 2**63 - 1
_END_OF_TIME = "9999"


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last row before the page."""

    seq: int
    created_at: str

    def text(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def of(cls, text: str) -> "Cursor":
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            cursor = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=cls)
        except (ValueError, msgspec.MsgspecError) as error:
            raise InvalidRequest("this cursor is not one of ours", field="cursor") from error
        if not 0 <= cursor.seq <= _LAST_SEQ:
            raise InvalidRequest("this cursor is not one of ours", field="cursor")
        return cursor


class _Walk(msgspec.Struct, frozen=True):
    """An index in page order, behind the columns that it holds fixed."""

    source: str
    condition: str = "true"
    by_status: bool = True


_WALKS = {
    "": _Walk("executions d INDEXED BY idx_executions_created_seq", by_status=False),
    "status": _Walk("executions d INDEXED BY idx_executions_status_seq"),
    "user": _Walk("executions d INDEXED BY idx_executions_user_seq", "d.user_name = :user"),
    "name": _Walk("executions d INDEXED BY idx_executions_name_seq", "d.name = :name"),
    "tag": _Walk("execution_tags d", "d.tag = :tag"),
}
# By idx_executions_seq, and by idx_execution_tags_seq.
_HAS = {
    "user": "EXISTS (SELECT 1 FROM executions e WHERE e.seq = d.seq AND e.user_name = :user)",
    "name": "EXISTS (SELECT 1 FROM executions e WHERE e.seq = d.seq AND e.name = :name)",
    "tag": "EXISTS (SELECT 1 FROM execution_tags t WHERE t.seq = d.seq AND t.tag = :tag)",
}
# idx_executions_created_seq holds both.
_BETWEEN = """
FROM executions INDEXED BY idx_executions_created_seq
WHERE created_at >= :since AND created_at < :until
"""


def check(query: Query) -> None:
    """InvalidRequest names the field that can't be."""
    if not 1 <= query.limit <= MAX_PAGE:
        raise InvalidRequest(f"limit must be from 1 to {MAX_PAGE}", field="limit")
    if not 0 <= query.offset <= _LAST_SEQ:
        raise InvalidRequest("offset must not be negative", field="offset")
    for field in ("user", "tag", "name", "text"):
        try:
            (getattr(query, field) or "").encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest(f"{field} is not valid text", field=field) from error


def page(connection: sqlite3.Connection, query: Query) -> Page:
    walk = walk_for(connection, query)
    if walk is None:
        return Page([], None)
    if walk in ("", "status") and query.until is None and query.cursor is None:
        query = _across_days(connection, query)
    rows = connection.execute(*page_sql(query, walk)).fetchall()
    order = ("seq",) if walk == "text" else ("created_at", "seq")
    rows.sort(key=itemgetter(*order), reverse=True)
    found = [execution_of(row) for row in rows[: query.limit]]
    if len(rows) <= query.limit:
        return Page(found, None)
    last = rows[query.limit - 1]
    return Page(found, Cursor(last["seq"], last["created_at"]).text())


def walk_for(connection: sqlite3.Connection, query: Query) -> str | None:
    """What to walk, a key of the table above or `text`; None if counters know there is nothing.

    Of several filters that which the fewest executions pass."""
    counts = {
        facet: _counted(connection, query, facet, key, key) for facet, key in _facets(query).items()
    }
    if query.statuses:
        counts["status"] = _counted(connection, query, "all", "", "")
    if query.text is not None:
        counts["text"] = 0 if match_text(query.text) is None else 1
    if 0 in counts.values():
        return None
    if query.text is not None:
        return "text"
    # The indexes of the other facets begin with the status too.
    named = {facet: count for facet, count in counts.items() if facet != "status"} or counts
    return min(named, key=named.__getitem__, default="")


def _across_days(connection: sqlite3.Connection, query: Query) -> Query:
    """The same page with most of its offset turned into a time: counters know whole days."""
    # The primary key of counters, backwards.
    sql = """
    SELECT "key", sum(value) FROM counters
    WHERE facet = 'day' AND status IN (SELECT value FROM json_each(?))
    GROUP BY "key" ORDER BY "key" DESC
    """
    statuses = msgspec.json.encode(_statuses(query)).decode()
    begun, skip = None, query.offset
    for day, count in map(tuple, connection.execute(sql, (statuses,))):
        if count > skip:
            break
        begun, skip = day, skip - count
    if begun is None:
        return query
    until = datetime.fromisoformat(begun + "T00:00:00+00:00")
    return msgspec.structs.replace(query, until=until, offset=skip)


def page_sql(query: Query, walk: str) -> tuple[str, dict[str, Any]]:
    """The query for one row more than the page, so that its end is known; its rows are the right
    ones in no promised order."""
    values = {**_values(query), "count": query.limit + 1}
    values["skip"] = 0 if query.cursor else query.offset
    keys = " UNION ALL ".join(_arms(query, walk))
    order = "seq DESC" if walk == "text" else "created_at DESC, seq DESC"
    sql = (
        f"SELECT e.* FROM ({keys} ORDER BY {order} LIMIT :count OFFSET :skip) k "  # noqa: S608 - own text
        "CROSS JOIN executions e ON e.seq = k.seq"
    )
    return sql, values


def _arms(query: Query, walk: str) -> list[str]:
    """The keys of all that is asked for: one walk for each status, each in order by itself."""
    if walk == "text":
        return [_text_arm(query)]
    chosen = _WALKS[walk]
    conditions = [
        chosen.condition,
        *(_HAS[facet] for facet in _facets(query) if facet != walk),
        "d.created_at >= :since",
        "(d.created_at, d.seq) < (:at, :seq)",
        "d.seq IS NOT NULL",
    ]
    statuses = [f" AND d.status = :{status}" for status in _statuses(query)]
    return [
        f"SELECT d.seq, d.created_at FROM {chosen.source} WHERE {' AND '.join(conditions)}{status}"  # noqa: S608 - own text
        for status in (statuses if chosen.by_status else [""])
    ]


def _text_arm(query: Query) -> str:
    """Found by words, in the order of the search: by seq alone.

    A time is turned into a bound of seq too, else the search looks at all rows beyond it."""
    conditions = [
        "s.execution_search MATCH :match",
        "s.rowid < :last_seq",
        *(_HAS[facet] for facet in _facets(query)),
        "d.created_at >= :since",
        "d.created_at < :until",
    ]
    if query.since is not None:
        conditions.append(f"s.rowid >= (SELECT min(seq) {_BETWEEN})")
    if query.until is not None:
        conditions.append(f"s.rowid <= (SELECT max(seq) {_BETWEEN})")
    if query.statuses:
        conditions.append(f"d.status IN ({', '.join(':' + each for each in _statuses(query))})")
    return (
        "SELECT s.rowid AS seq, d.created_at FROM execution_search s "  # noqa: S608 - own text
        f"CROSS JOIN executions d ON d.seq = s.rowid WHERE {' AND '.join(conditions)}"
    )


def _search(query: Query) -> str | None:
    """What to search for: the text, and the words of the other filters in their columns."""
    named = (("user_name", query.user), ("name", query.name), ("tags", query.tag))
    text = match_text(query.text or "")
    if text is None:
        return None
    matches = [(column, match_text(key or "")) for column, key in named]
    return " AND ".join(
        [f"({text})", *(f"{column} : ({match})" for column, match in matches if match)]
    )


def _facets(query: Query) -> dict[str, str]:
    named = {"user": query.user, "name": query.name, "tag": query.tag}
    return {facet: key for facet, key in named.items() if key is not None}


def _statuses(query: Query) -> list[Status]:
    return sorted(set(query.statuses or Status))


def _values(query: Query) -> dict[str, Any]:
    """Everything that a query may be bound to; a page ends before (at, seq)."""
    until = _END_OF_TIME if query.until is None else time_text(query.until)
    last = Cursor(_LAST_SEQ, _END_OF_TIME) if query.cursor is None else Cursor.of(query.cursor)
    at, seq = min((until, 0), (last.created_at, last.seq))
    return {
        **_facets(query),
        **{status.value: status.value for status in Status},
        "match": None if query.text is None else _search(query),
        "since": "" if query.since is None else time_text(query.since),
        "until": until,
        "at": at,
        "seq": seq,
        "last_seq": last.seq,
    }


def count_from_counters(connection: sqlite3.Connection, query: Query) -> int | None:
    """How many there are in all, where counters know it."""
    asked = list(_facets(query).items())
    is_timed = query.since is not None or query.until is not None
    if query.text is not None or len(asked) + is_timed > 1:
        return None
    if is_timed:
        return _count_between(connection, query)
    facet, key = asked[0] if asked else ("all", "")
    return _counted(connection, query, facet, key, key)


def _counted(
    connection: sqlite3.Connection, query: Query, facet: str, first: str, last: str
) -> int:
    values: dict[str, Any] = {"facet": facet, "first": first, "last": last}
    # The primary key of counters.
    sql = (
        "SELECT coalesce(sum(value), 0) FROM counters "
        'WHERE facet = :facet AND "key" >= :first AND "key" <= :last'
    )
    if query.statuses:
        values["statuses"] = msgspec.json.encode(sorted(set(query.statuses))).decode()
        sql += " AND status IN (SELECT value FROM json_each(:statuses))"
    return int(connection.execute(sql, values).fetchone()[0])


def _count_between(connection: sqlite3.Connection, query: Query) -> int:
    """Whole hours from counters, the begun hours at both ends from the index."""
    since = query.since.astimezone(UTC) if query.since else datetime.min.replace(tzinfo=UTC)
    until = query.until.astimezone(UTC) if query.until else datetime.max.replace(tzinfo=UTC)
    first = _hour(since) if since == _hour(since) else _hour(since) + timedelta(hours=1)
    last = _hour(until)
    if first >= last:
        return count_rows(connection, query)
    whole = _counted(
        connection, query, "hour", time_text(first)[:13], time_text(last - timedelta(hours=1))[:13]
    )
    begun = [(since, first), (last, until)]
    return whole + sum(
        count_rows(connection, msgspec.structs.replace(query, since=start, until=end))
        for start, end in begun
        if start < end
    )


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def count_rows(connection: sqlite3.Connection, query: Query) -> int:
    """How many there are in all, counted one by one."""
    query = msgspec.structs.replace(query, cursor=None)
    walk = walk_for(connection, query)
    if walk is None:
        return 0
    if query == Query(text=query.text, limit=query.limit, offset=query.offset):
        # Every row of the search has its execution; looking each up takes ten times as long.
        sql = "SELECT count(*) FROM execution_search s WHERE s.execution_search MATCH :match"
    else:
        sql = f"SELECT count(*) FROM ({' UNION ALL '.join(_arms(query, walk))})"  # noqa: S608 - own text
    return int(connection.execute(sql, _values(query)).fetchone()[0])
