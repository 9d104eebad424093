"""Pages of executions: which index walks them, where a cursor stands, and how many there are.

Newest first by `seq`; where a time is asked for, by (created_at, seq). The index is named in every
query, since the planner's guess walks all rows for some pairs of filters.
"""

import base64
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from stepflow.errors import InvalidRequest
from stepflow.store.protocol import MAX_PAGE, Page, Query
from stepflow.store.rows import execution_of, time_text
from stepflow.store.search import match_text

_LAST_SEQ = 2**63 - 1
_END_OF_TIME = "9999"


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last row before the page; `created_at` only where pages go by time."""

    seq: int
    created_at: str | None = None

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


class Selection(msgspec.Struct, frozen=True):
    """A query as SQL: `source` walks one index, `conditions` filter, `values` fill both."""

    source: str
    conditions: list[str]
    values: dict[str, Any]
    by_time: bool
    is_empty: bool = False


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


def selection(query: Query) -> Selection:
    """Which index serves the query, most selective first: words, tag, user, name, time, status."""
    values: dict[str, Any] = {}
    conditions: list[str] = []
    by_time = False
    match = None if query.text is None else match_text(query.text)
    if query.text is not None:
        source = "execution_search s CROSS JOIN executions e ON e.seq = s.rowid"
        conditions.append("s.execution_search MATCH :match")
        values["match"] = match
    elif query.tag is not None:
        source = "execution_tags t CROSS JOIN executions e ON e.seq = t.seq"
    elif query.user is not None:
        source = "executions e INDEXED BY idx_executions_user_seq"
    elif query.name is not None:
        source = "executions e INDEXED BY idx_executions_name_seq"
    elif query.since is not None or query.until is not None:
        source = "executions e INDEXED BY idx_executions_created_seq"
        by_time = True
    elif query.statuses:
        source = "executions e INDEXED BY idx_executions_status_seq"
    else:
        source = "executions e INDEXED BY idx_executions_seq"
    if query.tag is not None:
        values["tag"] = query.tag
        conditions.append(
            "t.tag = :tag"
            if query.text is None
            else "EXISTS (SELECT 1 FROM execution_tags t WHERE t.tag = :tag AND t.seq = e.seq)"
        )
    if query.user is not None:
        values["user"] = query.user
        conditions.append("e.user_name = :user")
    if query.name is not None:
        values["name"] = query.name
        conditions.append("e.name = :name")
    if query.since is not None:
        values["since"] = time_text(query.since)
        conditions.append("e.created_at >= :since")
    if query.until is not None:
        values["until"] = time_text(query.until)
        conditions.append("e.created_at < :until")
    if query.statuses:
        statuses = sorted(set(query.statuses))
        names = ", ".join(f":status{number}" for number in range(len(statuses)))
        values.update({f"status{n}": status.value for n, status in enumerate(statuses)})
        conditions.append(f"e.status IN ({names})")
    is_empty = query.text is not None and match is None
    return Selection(source, conditions, values, by_time, is_empty)


def page_sql(query: Query) -> tuple[str, dict[str, Any]]:
    """The query for one row more than the page, so that its end is known."""
    chosen = selection(query)
    cursor = None if query.cursor is None else Cursor.of(query.cursor)
    values = {
        **chosen.values,
        "seq": _LAST_SEQ if cursor is None else cursor.seq,
        "count": query.limit + 1,
        "skip": 0 if cursor else query.offset,
    }
    key = _page_key(query)
    if chosen.by_time:
        values["at"] = _END_OF_TIME if cursor is None else cursor.created_at or _END_OF_TIME
        conditions = [*chosen.conditions, "(e.created_at, e.seq) < (:at, :seq)"]
        order = "e.created_at DESC, e.seq DESC"
    else:
        conditions = [*chosen.conditions, f"{key} < :seq"]
        order = f"{key} DESC"
    if "idx_executions_status_seq" in chosen.source and len(set(query.statuses)) > 1:
        return _any_status_sql(query), values
    sql = (
        f"SELECT e.* FROM {chosen.source} WHERE {' AND '.join(conditions)} "  # noqa: S608 - own text
        f"ORDER BY {order} LIMIT :count OFFSET :skip"
    )
    return sql, values


def _page_key(query: Query) -> str:
    if query.text is not None:
        return "s.rowid"
    return "t.seq" if query.tag is not None else "e.seq"


def _any_status_sql(query: Query) -> str:
    """Several statuses: the head of each one's walk, merged; IN alone would sort them all."""
    walks = " UNION ALL ".join(
        "SELECT * FROM (SELECT seq FROM executions INDEXED BY idx_executions_status_seq "  # noqa: S608 - own text
        f"WHERE status = :status{number} AND seq < :seq ORDER BY seq DESC LIMIT :count + :skip)"
        for number in range(len(set(query.statuses)))
    )
    return (
        "SELECT e.* FROM executions e INDEXED BY idx_executions_seq WHERE e.seq IN "  # noqa: S608 - own text
        f"({walks}) ORDER BY e.seq DESC LIMIT :count OFFSET :skip"
    )


def page(connection: sqlite3.Connection, query: Query) -> Page:
    if selection(query).is_empty:
        return Page([], None)
    rows = connection.execute(*page_sql(query)).fetchall()
    found = [execution_of(row) for row in rows[: query.limit]]
    if len(rows) <= query.limit:
        return Page(found, None)
    last = rows[query.limit - 1]
    by_time = selection(query).by_time
    cursor = Cursor(last["seq"], last["created_at"] if by_time else None)
    return Page(found, cursor.text())


def count_from_counters(connection: sqlite3.Connection, query: Query) -> int | None:
    """How many there are in all, where counters know it."""
    facets = {
        "user": query.user,
        "tag": query.tag,
        "name": query.name,
    }
    asked = [(facet, key) for facet, key in facets.items() if key is not None]
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
    chosen = selection(query)
    if chosen.is_empty:
        return 0
    if len(chosen.conditions) == 1 and query.text is not None:
        # Every row of the search has its execution; looking each up takes ten times as long.
        sql = "SELECT count(*) FROM execution_search s WHERE s.execution_search MATCH :match"
        return int(connection.execute(sql, chosen.values).fetchone()[0])
    conditions = " AND ".join([*chosen.conditions, "e.seq IS NOT NULL"])
    sql = f"SELECT count(*) FROM {chosen.source} WHERE {conditions}"  # noqa: S608 - own text
    return int(connection.execute(sql, chosen.values).fetchone()[0])
