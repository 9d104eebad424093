"""The knobs of SQLite that an operator may turn; the defaults are the deployment guide's."""

from datetime import timedelta

import msgspec


class SqliteTuning(msgspec.Struct, frozen=True, kw_only=True):
    """`cache_kib` is the page cache of each connection, `wal_autocheckpoint` counts pages,
    `group_limit` is the most writes that one commit carries."""

    journal_mode: str = "WAL"
    synchronous: str = "NORMAL"
    cache_kib: int = 20_000
    temp_store: str = "memory"
    mmap_size_bytes: int = 536_870_912
    wal_autocheckpoint: int = 1000
    busy_timeout: timedelta = timedelta(seconds=30)
    group_limit: int = 1000
