"""A database of the original made ours: columns appended, indexes replaced, our tables beside them.

What is missing follows from the tables, and so needs SQLAlchemy: this is imported only where such a
database is extended.
"""

from collections.abc import Collection

from sqlalchemy import Index
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from stepflow.store.ledger import Ledger
from stepflow.store.statements import SEARCH_TABLE
from stepflow.store.tables import metadata

_DIALECT = sqlite.dialect()

INDEXES: dict[str, Index] = {
    str(index.name): index for table in metadata.sorted_tables for index in table.indexes
}


def append_columns(ledger: Ledger, tables: Collection[str]) -> None:
    """Those of ours that the original's tables have not got."""
    for table in tables:
        present = {row["name"] for row in ledger.execute(f"PRAGMA table_info({table})")}
        for column in metadata.tables[table].columns:
            if column.name not in present:
                text = CreateColumn(column).compile(dialect=_DIALECT)
                ledger.execute(f"ALTER TABLE {table} ADD COLUMN {text}")


def missing_tables(present: Collection[str]) -> list[str]:
    """The statements that make them."""
    made = [
        str(CreateTable(table).compile(dialect=_DIALECT))
        for table in metadata.sorted_tables
        if table.name not in present
    ]
    return made if "execution_search" in present else [*made, SEARCH_TABLE]


def make_index(ledger: Ledger, index: Index) -> None:
    """One of this name may be the original's, with other columns."""
    there = [row["name"] for row in ledger.execute(f"PRAGMA index_info({index.name})")]
    if there == [column.name for column in index.columns]:
        return
    ledger.execute(f"DROP INDEX IF EXISTS {index.name}")
    ledger.execute(str(CreateIndex(index).compile(dialect=_DIALECT)))
