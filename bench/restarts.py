"""Twenty restarts in place in a row, with 200 scripts, 50 watchers and 200 requests a second."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from eventually import eventually
from ground import Ground
from many_scripts import started
from onlookers import Onlookers
from row import Row, at_most

RESTARTS = 20
SCRIPTS = 200
WATCHERS = 50
REQUESTS_PER_SECOND = 200


def rows(ground: Ground) -> Iterator[Row]:
    few = ground.sizes.scripts < SCRIPTS
    sizes = replace(ground.sizes, scripts=20 if few else SCRIPTS)
    restarts = 3 if few else RESTARTS
    ground = replace(ground, sizes=sizes)
    with ground.server("restarts") as server, started(ground, server) as many:
        onlookers = Onlookers(server.port, REQUESTS_PER_SECOND, many.ids[:WATCHERS])
        onlookers.start()
        eventually(lambda: onlookers.seen.answers > REQUESTS_PER_SECOND, within=60)
        for _ in range(restarts):
            subprocess.run(
                [sys.executable, "-m", "stepflow", "restart"],
                env=server.environment,
                capture_output=True,
                check=True,
            )
        written = many.end()
        seen = onlookers.stop()
        server._hang_up()
        missed = sum(text.encode() != server.text(one) for one, text in seen.texts)
        missed += min(WATCHERS, len(many.ids)) - len(seen.texts)
        disturbed = sum(server.execution(one)["execution"]["exit_code"] != 0 for one in many.ids)
        complaints = server.complaints()
    yield Row(
        name="restarts.failed_requests",
        value=len(seen.failures),
        unit=f"of {seen.answers + len(seen.failures):,} requests in {restarts} restarts",
        goal=at_most(0),
        note="; ".join([*_counted(seen.failures), *complaints[:3]]),
    )
    yield Row(
        name="restarts.longest_wait",
        value=seen.longest_wait,
        unit="s for one request",
        goal=at_most(1.5),
    )
    yield Row(
        name="restarts.logs_with_missed_lines",
        value=missed,
        unit=f"of {len(seen.texts)} watched logs, {seen.reconnects} reconnects",
        goal=at_most(0),
    )
    yield Row(
        name="restarts.lost_lines",
        value=written.lost,
        unit=f"lines of {written.lines:,}",
        goal=at_most(0),
    )
    yield Row(
        name="restarts.disturbed_scripts",
        value=disturbed,
        unit=f"of {len(many.ids)}",
        goal=at_most(0),
    )


def _counted(failures: list[str]) -> list[str]:
    return [f"{count} x {failure}" for failure, count in Counter(failures).most_common(3)]
