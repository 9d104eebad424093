"""The statements that follow from the tables alone, compiled to text.

SQLAlchemy defines them; the driver runs them: executing through Core costs twice the time of the
statement itself, and the writer's rate is what every script's events wait for. The text is kept in
`compiled`, so that a server starts without SQLAlchemy: `python -m stepflow.store.statements` writes
it anew, and a test says when that was forgotten.
"""

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect, Table, bindparam
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.schema import CreateIndex, CreateTable

from stepflow.store.tables import (
    annotations,
    artifacts,
    diagnostics,
    executions,
    follow_state,
    metadata,
    metrics,
    outputs,
    steps,
    summaries,
    tests,
    variables,
)

_DIALECT = sqlite.dialect(paramstyle="named")
_IN_ORDER = sqlite.dialect(paramstyle="qmark")

# What events may change of a step.
STEP_CHANGES = (
    "name",
    "status",
    "exit_code",
    "error_message",
    "completed_at",
    "estimated_duration",
    "metadata",
    "parent_index",
    "reason",
    "last_line",
    "progress",
    "message",
    "collapsed",
    "duration",
)
FIGURES = (
    "total_steps",
    "completed_steps",
    "failed_steps",
    "current_step_index",
    "step_strip",
    "metadata",
    "annotation_counts",
    "diagnostics",
    "progress",
    "result",
    "result_message",
    "test_counts",
    "log_bytes",
    "log_lines",
)

# A prefix of an indexed length is walked from its newest row; of any other, all rows are merged
# before the first comes (25 ms for 100,000).
SEARCH_TABLE = """
CREATE VIRTUAL TABLE execution_search USING fts5(
    name, command, tags, error_message, user_name,
    tokenize = "unicode61 remove_diacritics 2", prefix = '1 2 3 4 5 6 7 8'
)
""".strip()


def _insert(table: Table, without: Iterable[str] = ()) -> str:
    names = [column.name for column in table.columns if column.name not in set(without)]
    return str(table.insert().values({n: bindparam(n) for n in names}).compile(dialect=_DIALECT))


def _keep(table: Table, *, but: Iterable[str] = (), dialect: Dialect = _DIALECT) -> str:
    """Insert, or overwrite every column of the row with this key except those in `but`."""
    names = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key.columns]
    statement = insert(table).values({name: bindparam(name) for name in names})
    kept = {*keys, *but}
    changed = {name: statement.excluded[name] for name in names if name not in kept}
    statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return str(statement.compile(dialect=dialect))


def _change(table: Table, names: Iterable[str]) -> str:
    """Set these columns, in this order, of the row whose id comes last."""
    statement = table.update().where(table.c.id == bindparam("_id"))
    values: list[tuple[Any, Any]] = [(table.c[name], bindparam(name)) for name in names]
    return str(statement.ordered_values(*values).compile(dialect=_IN_ORDER))


def statements() -> dict[str, str]:
    """Each under the name that `compiled` has for it."""
    return {
        "INSERT_EXECUTION": _insert(executions, without=["step_strip"]),
        "KEEP_STEP": _keep(steps, but=["seq"], dialect=_IN_ORDER),
        "CHANGE_STEP": _change(steps, STEP_CHANGES),
        "CHANGE_FIGURES": _change(executions, FIGURES),
        "KEEP_ARTIFACT": _keep(artifacts, but=["seq"]),
        "INSERT_ANNOTATION": _insert(annotations, without=["id"]),
        "INSERT_METRIC": _insert(metrics, without=["id"]),
        "KEEP_OUTPUT": _keep(outputs),
        "INSERT_VARIABLE": _insert(variables, without=["id"]),
        "INSERT_TEST": _insert(tests, without=["id"]),
        "INSERT_SUMMARY": _insert(summaries, without=["id"]),
        "INSERT_DIAGNOSTIC": _insert(diagnostics, without=["id"]),
        "KEEP_FOLLOW_STATE": _keep(follow_state, dialect=_IN_ORDER),
    }


def schema() -> list[str]:
    """Everything that a fresh database consists of, in order."""
    made = []
    for table in metadata.sorted_tables:
        made.append(_plain(CreateTable(table)))
        made += [
            _plain(CreateIndex(index))
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
    return [*made, SEARCH_TABLE]


def _plain(statement: CreateTable | CreateIndex) -> str:
    lines = str(statement.compile(dialect=_DIALECT)).strip().expandtabs(4).splitlines()
    return "\n".join(line.rstrip() for line in lines)


def module() -> str:
    """The text of `compiled`."""
    return "\n".join(_module()) + "\n"


def _module() -> Iterator[str]:
    yield '"""Made by `python -m stepflow.store.statements`, which says why. Not to be edited."""'
    for name, text in statements().items():
        lines = textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)
        yield from ("", f'{name} = """', *lines, '"""')
    yield from ("", "SCHEMA = (")
    for text in schema():
        first, *lines = text.splitlines()
        yield from (
            (f'    """{first}', *lines[:-1], f'{lines[-1]}""",')
            if lines
            else (f'    """{first}""",',)
        )
    yield ")"


if __name__ == "__main__":
    Path(__file__).with_name("compiled.py").write_text(module(), encoding="utf-8")
