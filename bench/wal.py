"""How large the write-ahead log gets while scripts say thousands of markers a second and clients
read lists, searches and statistics without a pause."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx

from ground import Ground
from measured_server import MeasuredServer
from row import Row, at_most

WRITERS = 6
STEPS = 6000
SAYS = (
    f"i=0; while [ $i -lt {STEPS} ]; do i=$((i+1)); echo STEP_START:s$i;"
    " echo 'STEP_WARNING:a remark of some length'; echo STEP_COMPLETE:s$i; done"
)
READ = ("/api/executions?limit=100", "/api/executions?q=remark", "/api/executions/statistics")


def rows(ground: Ground) -> Iterator[Row]:
    seconds = 2 * ground.sizes.script_seconds
    with ground.server("wal") as server:
        log = server.storage / "database/stepflow.db-wal"
        over = threading.Event()
        reading = threading.Thread(target=_read, args=(server, over))
        reading.start()
        largest = started = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            running = server.client.get("/api/executions/active").json()["active_executions"]
            for _ in range(WRITERS - len(running)):
                server.create(SAYS, name="writer")
                started += 1
            largest = max(largest, log.stat().st_size)
            time.sleep(0.1)
        over.set()
        reading.join()
        database = (server.storage / "database/stepflow.db").stat().st_size
    yield Row(
        name="wal.largest",
        value=largest / (1 << 20),
        unit=f"MiB at most in {seconds} s of markers from {WRITERS} scripts at once",
        goal=at_most(64),
        note=f"{started} scripts of {3 * STEPS:,} markers; database {database / 1e6:.0f} MB",
    )


def _read(server: MeasuredServer, over: threading.Event) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        while not over.is_set():
            for path in READ:
                with suppress(httpx.TransportError):
                    client.get(path)
