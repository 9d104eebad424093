"""The guide's deployment options and settings, as far as they need no engine and no systemd: those
are in tests/deploy, which types the same blocks with the real ones."""

import json
import re

import yaml
from installation import Installation

from documents import ROOT
from guide_blocks import GUIDE, Block, read, types


@types("Docker Compose Configuration")
def test_the_compose_file_is_the_guides(block: Block) -> None:
    said = block.text.partition("\n")[2].lstrip("\n")
    assert (ROOT / "docker-compose.yml").read_text() == said


@types("Deployment Commands")
def test_the_commands_deploy_and_verify(fresh: Installation, block: Block) -> None:
    fresh.stop()
    said = fresh.type(block.text).out
    assert "stepflow-monitor-optimized  Up" in said
    assert " serving version=" in said
    assert json.loads(said.splitlines()[-1])["status"] == "healthy"


@types("System Service Configuration")
def test_the_unit_starts_what_is_in_a_clone(block: Block) -> None:
    # It runs unchanged under systemd in tests/deploy/test_systemd.py.
    (started,) = re.findall(r"^ExecStart=/opt/stepflow/venv/bin/python (.*)$", block.text, re.M)
    assert (ROOT / started).is_file()


@types("Service Management")
def test_the_service_is_started_and_monitored(fresh: Installation, block: Block) -> None:
    fresh.stop()
    said = fresh.type_until(block.text, " serving version=")
    assert "Active: active (running)" in said


@types("Kubernetes Manifests")
def test_ours_stands_where_the_guides_manifest_does(block: Block) -> None:
    # Its three replicas on one volume are refused: tests/server/test_second_server.py.
    theirs, service = yaml.safe_load_all(block.text)
    ours = yaml.safe_load((ROOT / "deploy/kubernetes/deployment.yaml").read_text())
    our_service = yaml.safe_load((ROOT / "deploy/kubernetes/service.yaml").read_text())
    claim = yaml.safe_load_all((ROOT / "deploy/kubernetes/storage.yaml").read_text())
    for one, other in ((theirs, ours), (service, our_service)):
        assert one["metadata"]["name"] == other["metadata"]["name"]
    container = theirs["spec"]["template"]["spec"]["containers"][0]
    our_container = ours["spec"]["template"]["spec"]["containers"][0]
    assert (container["name"], container["image"]) == (
        our_container["name"],
        our_container["image"],
    )
    assert "stepflow-storage" in [one["metadata"]["name"] for one in claim]
    assert theirs["spec"]["replicas"] == 3
    assert ours["spec"]["replicas"] == 1


@types("Core Configuration")
def test_every_exported_setting_is_one(running: Installation, block: Block) -> None:
    typed = running.type(block.text + "python3 -m stepflow config --json")
    shown = {one["name"]: one["value"] for one in json.loads(typed.out)}
    assert typed.err == ""
    assert shown["STEPFLOW_CACHE_SIZE"] == 10_000
    assert shown["STEPFLOW_WAL_AUTOCHECKPOINT"] == 1000
    assert shown["STEPFLOW_BUFFER_SIZE"] == 50
    assert (shown["STEPFLOW_AUTH_ENABLED"], shown["STEPFLOW_API_KEY"]) == (False, None)


@types("Production Environment File")
def test_the_environment_file_is_read_and_the_key_asked_for(
    fresh: Installation, block: Block
) -> None:
    fresh.stop()
    fresh.type(block.text)
    shown = fresh.type("python3 -m stepflow config").out
    assert re.search(
        r"^STEPFLOW_STORAGE_PATH +/app/storage +STEPFLOW_STORAGE_PATH in .env", shown, re.M
    )
    fresh.environment["STEPFLOW_STORAGE_PATH"] = "storage"
    fresh.start()
    assert fresh.client.get("/api/executions").status_code == 401
    key = {"X-API-Key": "your-secure-api-key"}
    assert fresh.client.get("/api/executions", headers=key).status_code == 200


@types("SQLite Configuration Optimization")
def test_the_tuning_is_ours_and_in_effect(running: Installation, block: Block) -> None:
    compared = "from app.core import persistence\n" + block.text
    compared += "print(PRODUCTION_SQLITE_CONFIG == persistence.PRODUCTION_SQLITE_CONFIG)\n"
    assert running.type(f"python3 - <<'END'\n{compared}END\n").out == "True\n"
    writer = running.client.get("/api/health/database").json()["database"]["settings"]["writer"]
    # 20000 is meant as 20 MB, which SQLite takes as -20000.
    assert (writer["journal_mode"], writer["cache_size"]) == ("wal", -20_000)
    assert (writer["mmap_size"], writer["busy_timeout"]) == (536_870_912, 30_000)


@types("1. Memory Configuration")
def test_the_kernels_settings_are_written_and_applied(running: Installation, block: Block) -> None:
    said = running.type(block.text).out.splitlines()
    assert said == [
        "sysctl -p",
        "vm.swappiness=10",
        "vm.dirty_ratio=5",
        "vm.dirty_background_ratio=2",
    ]


@types("2. File System Optimization")
def test_the_mount_options_are_shown(running: Installation, block: Block) -> None:
    typed = running.type(block.text)
    assert (typed.code, "noatime" in typed.out) == (0, True)


@types("3. Application Tuning")
def test_the_tuned_class_still_reads_and_writes(fresh: Installation, block: Block) -> None:
    tuned = block.text.partition("\n")[2].replace("PersistenceLayer", "Tuned")
    body = "".join(line + "\n" for line in tuned.splitlines())
    program = (
        "import asyncio\nfrom app.core.persistence import PersistenceLayer\n"
        + body
        + "class Both(Tuned, PersistenceLayer):\n"
        "    def __init__(self):\n"
        "        PersistenceLayer.__init__(self)\n"
        "        Tuned.__init__(self)\n"
        "async def main():\n"
        "    layer = Both()\n"
        "    await layer.initialize()\n"
        "    print(len(await layer.get_executions()))\n"
        "    await layer.close()\n"
        "asyncio.run(main())\n"
    )
    typed = fresh.type(f"python3 - <<'END'\n{program}END\n")
    assert typed.out == "1\n", typed.err


def test_the_copy_of_the_guide_is_the_users() -> None:
    theirs = ROOT.parent / "shared" / GUIDE.name
    if theirs.exists():
        assert read(theirs.read_text()) == read(GUIDE.read_text())
