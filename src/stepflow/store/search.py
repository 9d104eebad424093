"""Full-text search over executions: FTS5 with its own content, rowid = `seq`.

What people type is never FTS syntax: every word is quoted and matches as a prefix.
"""

from typing import Any

from stepflow.model import Execution
from stepflow.store.ledger import Ledger

COLUMNS = frozenset({"name", "command", "tags", "error_message", "user_name"})

_INSERT = """
INSERT INTO execution_search (rowid, name, command, tags, error_message, user_name)
VALUES (?, ?, ?, ?, ?, ?)
"""


def keep(ledger: Ledger, execution: Execution) -> None:
    forget(ledger, execution.seq)
    add(ledger, execution)


def add(ledger: Ledger, execution: Execution) -> None:
    """Of an execution that is not in it yet."""
    ledger.execute(_INSERT, values_of(execution))


def forget(ledger: Ledger, seq: int) -> None:
    ledger.execute("DELETE FROM execution_search WHERE rowid = ?", (seq,))


def match_text(text: str) -> str | None:
    """The FTS5 query for what somebody typed; None if there is nothing to look for."""
    words = text.replace("\0", " ").encode(errors="replace").decode().split()
    quoted = ['"{}"*'.format(word.replace('"', '""')) for word in words if _has_token(word)]
    return " ".join(quoted) or None


def _has_token(word: str) -> bool:
    return any(character.isalnum() for character in word)


def values_of(execution: Execution) -> tuple[Any, ...]:
    """The row of an execution in the index, its `seq` first."""
    return (
        execution.seq,
        execution.name,
        execution.command,
        " ".join(execution.tags),
        execution.error_message,
        execution.user,
    )
