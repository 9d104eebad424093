"""Taking over rows that the original program wrote last: those whose `seq` is NULL.

One UPDATE gives a row its `seq` together with all that changes, so it can be stopped and repeated.
The original may rewrite a row that was adopted before; `adopted` remembers its `seq` and what was
counted of it.
"""

import msgspec

from stepflow.model import Execution
from stepflow.store import executions, search
from stepflow.store.ledger import Key, Ledger
from stepflow.store.rows import Row, execution_of, json_text

_REMEMBER = """
INSERT INTO adopted (execution_id, seq, counted) VALUES (?, ?, ?)
ON CONFLICT (execution_id) DO UPDATE SET counted = excluded.counted
"""
_TABLE_COUNT = """
INSERT INTO counters (facet, "key", status, value) VALUES ('table', ?, '', ?)
ON CONFLICT (facet, "key", status) DO UPDATE SET value = excluded.value
"""


def recount_tables(ledger: Ledger) -> None:
    """A rewritten row can't be told from a new one, so the rows are counted afresh."""
    for table in ("steps", "artifacts"):
        rows = ledger.one(f"SELECT count(*) FROM {table}")[0]  # noqa: S608 - own names
        ledger.execute(_TABLE_COUNT, (table, rows))


def take(ledger: Ledger, execution_id: str, changes: Row) -> None:
    """Change an execution that the original wrote last, give it its `seq`, count and index it."""
    before = ledger.one("SELECT seq, counted FROM adopted WHERE execution_id = ?", (execution_id,))
    seq = ledger.next_seq() if before is None else before["seq"]
    statement = executions.update_execution(("seq", *changes))
    ledger.execute(statement, {**changes, "seq": seq, "_id": execution_id})
    if before is not None:
        counted = msgspec.json.decode(before["counted"], type=list[tuple[str, str, str, int]])
        count(ledger, counted, -1)
    adopted = execution_of(ledger.one("SELECT * FROM executions WHERE id = ?", (execution_id,)))
    executions.keep_tags(ledger, adopted)
    search.keep(ledger, adopted)
    counted = counted_of(adopted)
    count(ledger, counted, 1)
    ledger.execute(_REMEMBER, (adopted.id, seq, json_text(counted)))


def counted_of(execution: Execution) -> list[tuple[str, str, str, int]]:
    """What an execution, as it is, adds to the counters."""
    counts = [(*key, 1) for key in executions.counters_of(execution)]
    return counts + [(*key, by) for key, by in executions.durations_of(execution).items()]


def count(ledger: Ledger, counted: list[tuple[str, str, str, int]], by: int) -> None:
    """Change the counters by what `counted_of` an execution said, `by` times."""
    for facet, key, status, amount in counted:
        counter: Key = (facet, key, status)
        ledger.count([counter], by * amount)
