"""The deployment guide's commands, as they stand there but for the ports, run by a real shell."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server_process import ServerProcess

ROOT = Path(__file__).parents[2]
MONITOR = r"""
curl -w "API Response: %{time_total}s\n" -o /dev/null -s \
     http://localhost:8080/api/health
curl -s http://localhost:8080/api/health/metrics | \
     python3 -c "
import sys, json
try:
    data = json.load(sys.stdin)
    db = data.get('database', {})
    print(f\"DB Size: {db.get('database_size_mb', 'N/A')}MB\")
    print(f\"WAL Mode: {db.get('wal_mode', 'N/A')}\")
    print(f\"Executions: {db.get('table_counts', {}).get('executions', 'N/A')}\")
except:
    print('Metrics unavailable')
"
"""
SOCKET = r"""
curl --max-time 2 --include --no-buffer --header "Connection: Upgrade" \
     --header "Upgrade: websocket" --header "Sec-WebSocket-Key: SGVsbG8sIHdvcmxkIQ==" \
     --header "Sec-WebSocket-Version: 13" \
     http://localhost:8765/
"""
CREATION = r"""
curl -X POST http://localhost:8080/api/executions \
     -H "Content-Type: application/json" \
     -d '{"name":"Migration Test","command":"echo hello","tags":["test"]}'
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("guide")) as running:
        yield running


def ran(server: ServerProcess, command: str) -> subprocess.CompletedProcess[str]:
    ports = {"8080": str(server.port), "8765": str(server.websocket_port)}
    placed = re.sub(r"localhost:(8080|8765)", lambda m: f"localhost:{ports[m[1]]}", command)
    return subprocess.run(
        ["bash", "-c", placed],
        cwd=ROOT,
        env={**os.environ, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=30,
        check=False,
    )


def answered(server: ServerProcess, command: str) -> Any:
    done = ran(server, command)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_health_check_passes_and_fails_when_there_is_no_server(server: ServerProcess) -> None:
    check = "curl -f http://localhost:8080/api/health || echo 'Service not responding'"
    assert answered(server, check)["status"] == "healthy"
    assert "Service not responding" in ran(server, check.replace(":8080", ":1")).stdout


def test_the_format_file_shows_the_time_of_a_request(server: ServerProcess) -> None:
    timed = 'curl -w "@curl-format.txt" -o /dev/null -s "http://localhost:8080/api/health"'
    shown = ran(server, timed).stdout
    assert re.search(r"time_total:\s+0\.\d+s\n", shown)
    assert float(re.findall(r"([\d.]+)s\n", shown)[-1]) > 0


def test_an_execution_is_created_and_listed(server: ServerProcess) -> None:
    created = answered(server, CREATION)
    assert (created["name"], created["execution"]["tags"]) == ("Migration Test", ["test"])
    assert server.ended(created["id"])["execution"]["status"] == "completed"
    assert server.text(created["id"]) == b"hello\n"
    page = answered(server, "curl http://localhost:8080/api/executions?limit=5")
    assert page["limit"] == 5
    assert created["id"] in [one["id"] for one in page["executions"]]


def test_the_websocket_check_is_greeted(server: ServerProcess) -> None:
    shown = ran(server, SOCKET).stdout
    assert shown.startswith("HTTP/1.1 101 Switching Protocols\n")
    assert '"type":"connection_established"' in shown


def test_the_monitoring_script_finds_every_figure(server: ServerProcess) -> None:
    server.ended(server.create("true"))
    shown = ran(server, MONITOR).stdout
    assert re.search(r"^API Response: 0\.\d+s$", shown, re.MULTILINE)
    assert re.search(r"^DB Size: [\d.]+MB$", shown, re.MULTILINE)
    assert re.search(r"^WAL Mode: True$", shown, re.MULTILINE)
    assert re.search(r"^Executions: [1-9]\d*$", shown, re.MULTILINE)


def test_the_database_answers_and_is_optimized(server: ServerProcess) -> None:
    before = answered(server, "curl http://localhost:8080/api/health/database")
    assert before["response_time_ms"] < 1000
    assert answered(server, "curl -X POST http://localhost:8080/api/health/optimize")["done"]
    log = server.storage / "database/stepflow.db-wal"
    assert not log.exists() or log.stat().st_size < 100 << 20


def test_the_collected_support_information_holds_the_health(server: ServerProcess) -> None:
    shown = ran(server, 'echo "Health: $(curl -s http://localhost:8080/api/health)"').stdout
    assert json.loads(shown.removeprefix("Health: "))["checks"]["database"]
