#!/usr/bin/env python3
"""Measure a running server against the deployment guide's expected results, then clean up.

Operations are records in the store: executions and steps that became durable while the clock ran,
as the server itself counts them; never requests. What is measured is real executions, so scripts
are started on the server's machine; all of them are deleted at the end.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

LONGEST_ANSWER_MS = 5.0
LEAST_CONCURRENT = 20
LEAST_RECORDS_PER_SECOND = 500.0

ANSWERS = 100
CONCURRENT = 25
WRITERS = 8
STEPS = 20
STEPS_COMMAND = (
    f"i=0; while [ $i -lt {STEPS} ]; do i=$((i+1));"
    ' echo "STEP_START:Step $i"; echo "STEP_COMPLETE:Step $i"; done'
)
OVERLAPPING_COMMAND = "sleep 2"
PASSED, FAILED, NOT_MEASURED = 0, 1, 2
FINAL = ("completed", "failed", "cancelled")


class NotMeasured(Exception):
    """Why there is no result, in one line."""


@dataclass(frozen=True)
class Check:
    """One expectation of the guide, what was measured, and whether that is enough."""

    name: str
    expected: str
    measured: float
    unit: str
    detail: str
    passed: bool


# --- judging ---------------------------------------------------------------------------------


def judge_answers(name: str, took_ms: list[float]) -> Check:
    """95 of 100 answers must be fast enough: a mean would hide the slow ones."""
    p95 = statistics.quantiles(took_ms, n=20, method="inclusive")[-1]
    return Check(
        f"GET {name}",
        f"< {LONGEST_ANSWER_MS:g} ms",
        round(p95, 2),
        "ms",
        f"95 of 100; median {statistics.median(took_ms):.2f}, worst {max(took_ms):.2f}",
        p95 < LONGEST_ANSWER_MS,
    )


def judge_concurrency(executions: list[dict[str, Any]]) -> Check:
    """The most that ran at one moment, of those that succeeded; one failure is one too many."""
    succeeded = [one for one in executions if one["status"] == "completed"]
    peak = most_at_once(succeeded)
    return Check(
        "Executions at once",
        f"{LEAST_CONCURRENT}+",
        peak,
        "at once",
        f"{len(succeeded)} of {len(executions)} successful",
        peak >= LEAST_CONCURRENT and len(succeeded) == len(executions),
    )


def most_at_once(executions: list[dict[str, Any]]) -> int:
    """The greatest number of executions between their start and their end at one moment."""
    changes = []
    for one in executions:
        changes.append((datetime.fromisoformat(one["started_at"]), 1))
        changes.append((datetime.fromisoformat(one["completed_at"]), -1))
    running = peak = 0
    for _, change in sorted(changes):
        running += change
        peak = max(peak, running)
    return peak


def judge_rate(executions: list[dict[str, Any]], growth: int, seconds: float) -> Check:
    """Of what we know to be ours and what the database grew by, the smaller counts."""
    succeeded = [one for one in executions if one["status"] == "completed"]
    records = min(sum(1 + one["total_steps"] for one in succeeded), growth)
    rate = records / seconds
    return Check(
        "Database operations",
        f"> {LEAST_RECORDS_PER_SECOND:g} ops/s",
        round(rate, 1),
        "ops/s",
        f"{records} records in {seconds:.1f} s, {len(executions) - len(succeeded)} failed",
        rate > LEAST_RECORDS_PER_SECOND and succeeded == executions,
    )


# --- measuring -------------------------------------------------------------------------------


class Server:
    """The server under test; each thread has a connection of its own, kept open."""

    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotMeasured(f"{url!r} is not an address such as http://localhost:8080")
        self.url = url
        self._is_secure = parts.scheme == "https"
        try:
            self._address = (parts.hostname, parts.port)
        except ValueError as error:
            raise NotMeasured(f"{url!r}: {error}") from error
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._local = threading.local()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Status and decoded answer."""
        connection = self._connection()
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, self._prefix + path, text, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise NotMeasured(
                f"no server answers at {self.url} ({str(error) or type(error).__name__}):"
                " start one with `stepflow serve`, or name it with --url"
            ) from error
        except KeyboardInterrupt:
            connection.close()  # half a request is under way: what is asked next starts anew
            raise
        try:
            return answer.status, json.loads(content)
        except ValueError as error:
            raise NotMeasured(
                f"what answers at {self.url} is not StepFlow Monitor ({answer.status}"
                f" {answer.reason}, {answer.headers.get_content_type()})"
            ) from error

    def want(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer, which must be a good one."""
        status, answer = self.ask(method, path, body)
        if status == 401:
            raise NotMeasured(f"{self.url} asks for its key: set STEPFLOW_API_KEY to it")
        if status >= 300:
            why = answer.get("detail") or answer.get("error") if isinstance(answer, dict) else ""
            raise NotMeasured(f"{self.url} answers {method} {path} with {status}: {why}")
        return answer

    def version(self) -> str:
        """Of a server that is there, healthy, and lets us in."""
        status, health = self.ask("GET", "/api/health")
        if not isinstance(health, dict) or not {"status", "version"} <= health.keys():
            raise NotMeasured(f"what answers at {self.url} is not StepFlow Monitor")
        if status != 200:
            bad = {n: c for n, c in health["checks"].items() if c.get("status") != "healthy"}
            raise NotMeasured(f"the server at {self.url} is unhealthy: {json.dumps(bad)}")
        self.want("GET", "/api/executions?limit=1")
        return str(health["version"])

    def records(self) -> int:
        counts = self.want("GET", "/api/health/metrics")["database"]["table_counts"]
        return int(counts["executions"] + counts["steps"])

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            kind = http.client.HTTPSConnection if self._is_secure else http.client.HTTPConnection
            self._local.connection = kind(*self._address, timeout=90)
        connection: http.client.HTTPConnection = self._local.connection
        return connection


class Run:
    """What this test makes on the server; all of it bears the tag."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tag = f"performance-test-{uuid.uuid4().hex[:12]}"

    def checks(self, seconds: float) -> list[Check]:
        first = self._execution("true")
        return [
            *self._answers(first["id"]),
            self._concurrency(),
            self._rate(seconds),
        ]

    def remove(self) -> None:
        """Delete every execution of this run. NotMeasured if some stay."""
        say("removing what was made")
        deadline = time.monotonic() + 60
        while made := self._made():
            if time.monotonic() > deadline:
                raise NotMeasured(
                    f"{len(made)} executions with the tag {self.tag} could not be deleted"
                )
            self._together(WRITERS, [partial(self._forget, one) for one in made])

    def _answers(self, execution_id: str) -> Iterator[Check]:
        for path in (
            "/api/health",
            "/api/executions?limit=10",
            f"/api/executions/{execution_id}",
            "/api/executions/statistics",
        ):
            say(f"asking {path}")
            self.server.want("GET", path)
            took_ms = []
            for _ in range(ANSWERS):
                began = time.perf_counter()
                self.server.want("GET", path)
                took_ms.append(1000 * (time.perf_counter() - began))
            yield judge_answers(path.replace(execution_id, "{id}"), took_ms)

    def _concurrency(self) -> Check:
        say(f"running {CONCURRENT} executions at once")
        work = [lambda: self._execution(OVERLAPPING_COMMAND)] * CONCURRENT
        return judge_concurrency(self._together(CONCURRENT, work))

    def _rate(self, seconds: float) -> Check:
        say(f"recording for {seconds:g} s")
        before, began = self.server.records(), time.monotonic()

        def write() -> list[dict[str, Any]]:
            made = []
            while time.monotonic() - began < seconds:
                made.append(self._execution(STEPS_COMMAND))
            return made

        made = [one for some in self._together(WRITERS, [write] * WRITERS) for one in some]
        # An execution's answer comes when its end is durable, so all of `made` lies before here.
        took = time.monotonic() - began
        return judge_rate(made, self.server.records() - before, took)

    def _execution(self, command: str) -> dict[str, Any]:
        """One that has ended."""
        wanted = {"name": "Performance test", "command": command, "tags": [self.tag]}
        made = self.server.want("POST", "/api/executions?wait=60s", wanted)
        execution: dict[str, Any] = made["execution"]
        return execution

    def _made(self) -> list[dict[str, Any]]:
        page = self.server.want("GET", f"/api/executions?limit=1000&tag={quote(self.tag)}")
        executions: list[dict[str, Any]] = page["executions"]
        return executions

    def _forget(self, execution: dict[str, Any]) -> None:
        path = f"/api/executions/{execution['id']}"
        if execution["status"] not in FINAL:
            self.server.ask("POST", f"{path}/cancel", {"kill": True})
        self.server.ask("DELETE", path)

    @staticmethod
    def _together(threads: int, work: list[Callable[[], Any]]) -> list[Any]:
        with ThreadPoolExecutor(threads) as pool:
            return [done.result() for done in [pool.submit(one) for one in work]]


# --- saying ----------------------------------------------------------------------------------


def say(doing: str) -> None:
    if sys.stderr.isatty():
        print(f"{doing} …", file=sys.stderr)


def report(url: str, version: str, checks: list[Check]) -> None:
    title = f"StepFlow Monitor {version} at {url}"
    rows = [
        (c.name, c.expected, f"{c.measured:g} {c.unit}", "pass" if c.passed else "FAIL", c.detail)
        for c in checks
    ]
    try:
        from rich.console import Console  # noqa: PLC0415 - works without it
        from rich.table import Table  # noqa: PLC0415
    except ModuleNotFoundError:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        print(title)
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
        return
    table = Table("What", "Expected", "Measured", "Result", "Of it", title=title)
    for row, check in zip(rows, checks, strict=True):
        table.add_row(*row, style=None if check.passed else "bold red")
    Console().print(table)


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        server = Server(options.url, os.environ.get("STEPFLOW_API_KEY"))
        version = server.version()
        run = Run(server)
        with contextlib.ExitStack() as after:
            after.callback(run.remove)
            checks = run.checks(options.seconds)
    except NotMeasured as error:
        if options.json:
            print(json.dumps({"url": options.url, "passed": False, "error": str(error)}))
        print(f"performance_test: {error}", file=sys.stderr)
        return NOT_MEASURED
    except KeyboardInterrupt:
        print("performance_test: stopped; what it made is removed", file=sys.stderr)
        return 130
    passed = all(check.passed for check in checks)
    if options.json:
        found = {"url": options.url, "version": version, "passed": passed}
        print(json.dumps({**found, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        report(options.url, version, checks)
        print("All expected results are reached." if passed else "Not all results are reached.")
    return PASSED if passed else FAILED


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure a running server against the deployment guide's expected results.",
        epilog="Exit codes: 0 all reached, 1 not all, 2 not measured. The key: STEPFLOW_API_KEY.",
    )
    url = os.environ.get("STEPFLOW_URL") or "http://localhost:8080"
    parser.add_argument("--url", default=url, help="the server (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument(
        "--seconds", type=_positive, default=5.0, help="how long to record (default: %(default)g)"
    )
    return parser.parse_args()


def _positive(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError("must be from 0 to 3600 seconds")
    return seconds


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
