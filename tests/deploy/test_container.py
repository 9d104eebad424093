import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from containers import Container, Engine, compose_options

from documents import ROOT
from eventually import eventually
from originals import E1, Original

OPEN = "-e=STEPFLOW_AUTH_ENABLED=false"
HARDENED = (
    *("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--user=1000"),
    "--tmpfs=/tmp",
)
Run = Callable[..., Container]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """podman, with the image of what is committed."""
    folder = tmp_path_factory.mktemp("containers")
    engine = Engine.if_here(folder)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder / "clone")], check=True)
    engine.build(folder / "clone")
    return engine


@pytest.fixture
def run(engine: Engine) -> Iterator[Run]:
    containers: list[Container] = []

    def start(*options: str, command: tuple[str, ...] = ()) -> Container:
        containers.append(Container(engine, *options, command=command))
        return containers[-1]

    yield start
    for container in containers:
        container.remove()


def test_the_compose_service_answers_on_both_ports_and_keeps_its_data(
    run: Run, tmp_path: Path
) -> None:
    for name in ("storage", "scripts"):
        (tmp_path / name).mkdir()  # as an engine makes a mount that is missing: root's
    container = run(*compose_options(tmp_path)).answering()
    kept = container.ran("echo kept")
    old = container.client.get(f"http://127.0.0.1:{container.websocket_port}/")
    assert old.status_code == 426
    container.engine.do("exec", container.name, "curl", "-f", "http://localhost:8080/api/health")
    container.engine.do("restart", container.name)
    container.answering()
    found = container.client.get(f"/api/executions/{kept['id']}/log")
    assert found.text == kept["log"] == "kept\n"


def test_the_compose_file_is_brought_up_and_down_and_up_again(engine: Engine) -> None:
    """On its own ports, 8080 and 8765, which must be free."""
    folder = engine.folder / "clone"
    with httpx.Client(base_url="http://localhost:8080", timeout=60) as client:

        def answers() -> bool:
            with suppress(httpx.TransportError):
                return client.get("/api/health").status_code == 200
            return False

        assert not answers(), "something else is on port 8080"
        (folder / "storage").mkdir()
        engine.compose(folder, "up", "-d", "--no-build")
        try:
            eventually(answers, within=60)
            wanted = {"command": "ls /workspace; echo kept > /app/storage/by-a-script"}
            made = client.post("/api/executions?wait=30s", json=wanted).json()
            assert "performance_test.py" in client.get(f"/api/executions/{made['id']}/log").text
            assert (folder / "storage/by-a-script").stat().st_uid == 1000
            engine.compose(folder, "down")
            engine.compose(folder, "up", "-d", "--no-build")
            eventually(answers, within=60)
            found = client.get(f"/api/executions/{made['id']}").json()["execution"]
            assert found["status"] == "completed"
        finally:
            engine.compose(folder, "down")


def test_what_root_made_in_the_storage_folder_is_handed_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "storage/database").mkdir(parents=True)
    (tmp_path / "storage/database/note").touch()
    elsewhere = tmp_path / "not-ours"
    elsewhere.touch()
    (tmp_path / "storage/link").symlink_to(elsewhere)
    container = run(OPEN, f"-v={tmp_path}/storage:/app/storage").answering()
    owners = {path.stat().st_uid for path in (tmp_path / "storage").rglob("[!l]*")}
    assert owners == {1000}
    assert elsewhere.stat().st_uid == 0
    assert container.ran("id -u; touch here")["log"] == "1000\n"


def test_the_server_is_not_root_and_its_parent_is_an_init(run: Run) -> None:
    container = run(OPEN).answering()
    assert container.inside("cat", "/proc/1/comm") == "tini"
    server = container.client.get("/api/health/status").json()["process_id"]
    assert "\nUid:\t1000\t1000\t1000\t1000\n" in container.inside("cat", f"/proc/{server}/status")
    assert container.ran("readlink /proc/$PPID/exe")["log"].endswith("/stepflow-pump\n")


def test_nothing_of_it_needs_to_be_written_but_its_data(run: Run) -> None:
    container = run(OPEN, *HARDENED).answering()
    assert container.ran("cat /proc/1/comm; id -u")["log"] == "tini\n1000\n"
    refused = container.engine.run("exec", container.name, "touch", "/app/file")
    assert "Read-only file system" in refused.stderr


def test_its_own_health_check_needs_no_curl(run: Run) -> None:
    container = run(OPEN).answering()
    container.engine.do("healthcheck", "run", container.name)
    container.engine.do("exec", "-u=0", container.name, "rm", "/usr/bin/curl")
    container.engine.do("healthcheck", "run", container.name)
    server = container.client.get("/api/health/status").json()["process_id"]
    container.inside("sh", "-c", f"kill -STOP {server}")
    assert container.engine.run("healthcheck", "run", container.name).returncode != 0


def test_the_memory_that_the_guide_asks_for_is_enough(run: Run) -> None:
    container = run(OPEN, "--memory=512m", "--memory-swap=512m").answering()
    command = "echo STEP_START:a; yes 'a line of some length' | head -c 200000000; sleep 3"
    loud = container.client.post("/api/executions", json={"command": command}).json()
    for _ in range(100):
        quiet = {"command": "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo $i; sleep 0.1; done"}
        assert container.client.post("/api/executions", json=quiet).status_code == 201
    statistics = "/api/executions/statistics"
    eventually(
        lambda: container.client.get(statistics).json()["by_status"].get("completed") == 101,
        within=120,
    )
    log = container.client.get(f"/api/executions/{loud['id']}/log", headers={"Range": "bytes=-5"})
    assert log.status_code == 206
    system = container.client.get("/api/health/metrics").json()["system"]
    assert system["process_memory_bytes"] < 256 << 20
    state = container.engine.do(
        "inspect", "-f", "{{.State.OOMKilled}} {{.RestartCount}}", container.name
    )
    assert state == "false 0"


def test_a_migration_and_a_gigabyte_pass_in_that_memory(run: Run, tmp_path: Path) -> None:
    original = Original(tmp_path)
    original.with_two_executions().repeat(E1, 20_000)
    original.close()
    memory = ("--memory=512m", "--memory-swap=512m")
    container = run(OPEN, *memory, f"-v={original.storage}:/app/storage").answering()
    counts = container.client.get("/api/executions/statistics").json()["by_status"]
    assert counts == {"completed": 20_001, "failed": 1}
    wanted = {"command": "yes 'a line of some length' | head -c 1000000000"}
    made = container.client.post("/api/executions?wait=50s", json=wanted).json()["execution"]
    assert (made["status"], made["log_bytes"]) == ("completed", 1_000_000_000)
    state = container.engine.do(
        "inspect", "-f", "{{.State.OOMKilled}} {{.RestartCount}}", container.name
    )
    assert state == "false 0"


def test_a_stop_ends_the_scripts_in_time_and_says_so(run: Run) -> None:
    container = run(OPEN, "--stop-timeout=10").answering()
    made = container.client.post("/api/executions", json={"command": "sleep 1000"}).json()
    path = f"/api/executions/{made['id']}"
    eventually(lambda: container.client.get(path).json()["execution"]["status"] == "running")
    container.engine.do("stop", container.name)
    state = container.engine.do("inspect", "-f", "{{.State.ExitCode}}", container.name)
    assert state == "0", "killed after the time was over"
    container.engine.do("start", container.name)
    ended = container.answering().client.get(path).json()["execution"]
    assert (ended["status"], ended["outcome"]["by"]) == ("cancelled", "shutdown")


def test_a_hangup_replaces_the_server_under_the_same_process_id(run: Run) -> None:
    container = run(OPEN).answering()
    before = container.client.get("/api/health/status").json()["process_id"]
    container.engine.do("kill", "--signal=HUP", container.name)
    eventually(lambda: container.said().count(" serving ") == 2, within=30)
    after = container.client.get("/api/health/status").json()["process_id"]
    assert after == before


def test_without_a_key_it_must_be_told_that_none_is_wanted(run: Run) -> None:
    container = run()
    assert container.engine.do("wait", container.name) == "2"
    assert "set STEPFLOW_API_KEY, or STEPFLOW_AUTH_ENABLED=false" in container.said()
