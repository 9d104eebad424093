"""Requests a second with fifty clients, and how long one request takes alone.

Beside ours runs a bare Starlette application, which reads the same rows with plain `sqlite3`.
"""

import shutil
from collections.abc import Iterator
from functools import partial

from bare_server import BareServer
from ground import Ground
from http_load import Load, load
from row import Goal, Row, at_least, at_most
from spread import in_turns, median

CLIENTS = 50
HEALTH, LIST = "/api/health", "/api/executions?limit=10"


def rows(ground: Ground) -> Iterator[Row]:
    database = ground.database()
    server = ground.server("api")
    ours = server.storage / "database" / "stepflow.db"
    server.storage.mkdir(mode=0o700)
    ours.parent.mkdir(mode=0o700)
    shutil.copyfile(database, ours)
    with server, BareServer(ground.path("bare"), database) as bare:
        many = {
            path: in_turns(
                max(1, ground.sizes.rounds // 2),
                bare=partial(_load, ground, bare.port, bare_path, CLIENTS),
                ours=partial(_load, ground, server.port, path, CLIENTS),
            )
            for path, bare_path in ((HEALTH, "/health"), (LIST, "/list"))
        }
        alone = {path: _load(ground, server.port, path, 1) for path in (HEALTH, LIST)}
        bare_alone = _load(ground, bare.port, "/list", 1)
        ids = server.client.get("/api/executions?limit=1").json()["executions"]
        one = _load(ground, server.port, f"/api/executions/{ids[0]['id']}", 1)
        statistics = _load(ground, server.port, "/api/executions/statistics", 1)
        complaints = server.complaints()
    yield _rate("api.health", many[HEALTH], "/s, 50 clients", at_least(0.7, "ratio"))
    yield _rate(
        "api.list",
        many[LIST],
        f"/s, 50 clients, 10 of {ground.sizes.executions:,}",
        at_least(0.6, "ratio"),
        "; ".join(complaints[:3]),
    )
    yield _alone("api.health_p99", alone[HEALTH])
    yield _alone("api.list_p99", alone[LIST], bare_alone)
    yield _alone("api.execution_p99", one)
    yield _alone("api.statistics_p99", statistics)


def _alone(name: str, one: Load, bare: Load | None = None) -> Row:
    return Row(
        name=name,
        value=one.p99_ms,
        unit="ms, 1 client",
        against=bare.p99_ms if bare else None,
        beside="bare Starlette and sqlite3" if bare else "",
        goal=at_most(5),
        note=f"p50 {one.p50_ms:.2f} ms" + (f", bare {bare.p50_ms:.2f} ms" if bare else ""),
    )


def _load(ground: Ground, port: int, path: str, clients: int) -> Load:
    return load(port, path, clients=clients, seconds=ground.sizes.seconds)


def _rate(name: str, loads: dict[str, list[Load]], unit: str, goal: Goal, note: str = "") -> Row:
    ours = [one.per_second for one in loads["ours"]]
    p99 = median([one.p99_ms for one in loads["ours"]])
    return Row(
        name=name,
        value=median(ours),
        unit=unit,
        against=median([one.per_second for one in loads["bare"]]),
        beside="a bare Starlette route",
        goal=goal,
        note=f"p99 {p99:.1f} ms; {note}",
    )
