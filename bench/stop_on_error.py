"""From the STEP_ERROR of a critical step to the last line that its script still could write.

Beside it: the same script on a pipe, with a reader that signals its group as soon as it sees it.
"""

import os
import signal
import subprocess
from collections.abc import Iterator

from ground import Ground
from measured_server import MeasuredServer
from row import Row, at_most
from spread import percentile


def rows(ground: Ground) -> Iterator[Row]:
    script = ground.script("error")
    watched, alone = [], []
    with ground.server("stop-on-error") as server:
        for _ in range(ground.sizes.stops):
            watched.append(_watched(server, script))
            alone.append(_alone(script))
        complaints = server.complaints()
    yield Row(
        name="stop_on_error.p99",
        value=percentile(watched, 0.99),
        unit="ms from STEP_ERROR to silence",
        against=percentile(alone, 0.99),
        beside="a reader of its pipe",
        goal=at_most(10),
        note="; ".join(complaints[:3]),
    )
    yield Row(
        name="stop_on_error.p50",
        value=percentile(watched, 0.5),
        unit="ms",
        against=percentile(alone, 0.5),
        beside="a reader of its pipe",
    )


def _watched(server: MeasuredServer, script: list[str]) -> float:
    execution = server.finished(script)
    assert "deploy" in str(execution["error_message"]), execution
    return _silence_ms(server.text(execution["id"]))


def _alone(script: list[str]) -> float:
    process = subprocess.Popen(
        script, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
    )
    assert process.stdout is not None
    text = b""
    while b"STEP_ERROR" not in text:
        text += process.stdout.read(65536)
    os.killpg(process.pid, signal.SIGTERM)
    text += process.communicate()[0]
    return _silence_ms(text)


def _silence_ms(text: bytes) -> float:
    lines = text.decode().splitlines()
    failed = next(int(line.split(" ")[1]) for line in lines if line.startswith("at "))
    last = max([failed, *(int(line.split(" ")[1]) for line in lines if line.startswith("after "))])
    return (last - failed) / 1e6
