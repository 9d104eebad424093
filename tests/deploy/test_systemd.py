from collections.abc import Iterator
from typing import Any

import pytest
from machine import Machine
from test_deploy_files import GUIDE_UNIT

from documents import ROOT
from eventually import eventually

UNIT = (ROOT / "deploy/systemd/stepflow.service").read_text()
SANDBOX = ROOT / "deploy/systemd/stepflow.service.d/sandbox.conf"
COUNTING = "i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo $i; sleep 0.05; done"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    started = Machine(tmp_path_factory.mktemp("machine"))
    yield started
    started.power_off()


def counting(machine: Machine) -> str:
    """The id of a script that prints the numbers from 1."""
    made = machine.client.post("/api/executions", json={"command": COUNTING}).json()
    return str(made["id"])


def shown(machine: Machine, execution_id: str) -> dict[str, Any]:
    execution = machine.client.get(f"/api/executions/{execution_id}").json()["execution"]
    return dict(execution)


def has_whole_log(machine: Machine, execution_id: str) -> bool:
    numbers = machine.client.get(f"/api/executions/{execution_id}/log").text.split("\n")[:-1]
    return numbers == [str(n) for n in range(1, len(numbers) + 1)]


def test_a_reload_keeps_the_process_id_and_the_scripts(machine: Machine) -> None:
    machine.use(UNIT)
    machine.does("start", "stepflow")
    before, execution_id, served = machine.answering(), counting(machine), machine.times_served()
    machine.does("reload", "stepflow")
    eventually(lambda: machine.times_served() == served + 1, within=60)
    assert machine.answering() == before
    assert shown(machine, execution_id)["status"] == "running"
    assert has_whole_log(machine, execution_id)


@pytest.mark.parametrize("ending", [("restart",), ("kill", "-s", "KILL", "--kill-whom=main")])
def test_scripts_outlive_the_service(machine: Machine, ending: tuple[str, ...]) -> None:
    machine.use(UNIT)
    machine.does("start", "stepflow")
    before, execution_id = machine.answering(), counting(machine)
    machine.does(*ending, "stepflow")
    eventually(lambda: machine.answering() != before, within=60)
    assert shown(machine, execution_id)["status"] == "running"
    assert has_whole_log(machine, execution_id)


def test_the_first_connection_to_its_socket_starts_it(machine: Machine) -> None:
    machine.use(UNIT)
    machine.does("start", "stepflow.socket")
    assert machine.type("systemctl", "is-active", "stepflow") == "inactive"
    before, served = machine.answering(), machine.times_served()
    machine.does("reload", "stepflow")
    eventually(lambda: machine.times_served() == served + 1, within=60)
    assert machine.answering() == before
    assert "can still be activated" in machine.type("systemctl", "stop", "stepflow")
    assert machine.answering() != before


def test_the_sandbox_lets_the_server_work_and_confines_scripts(machine: Machine) -> None:
    machine.use(UNIT, SANDBOX)
    machine.does("start", "stepflow")
    machine.answering()
    command = "cd /tmp; touch made && echo made; touch /etc/made; ls /root; unshare -U true; true"
    wanted = {"command": command}
    made = machine.client.post("/api/executions", json=wanted, params={"wait": "30s"}).json()
    log = machine.client.get(f"/api/executions/{made['id']}/log").text.splitlines()
    assert made["execution"]["status"] == "completed"
    assert log[0] == "made"
    assert [line.rpartition(": ")[2] for line in log[1:]] == [
        "Read-only file system",
        "Permission denied",
        "Operation not permitted",
    ]


def test_the_guides_own_unit_works_unchanged(machine: Machine) -> None:
    machine.use(GUIDE_UNIT)
    machine.does("start", "stepflow")
    before, execution_id, served = machine.answering(), counting(machine), machine.times_served()
    machine.does("kill", "-s", "HUP", "--kill-whom=main", "stepflow")
    eventually(lambda: machine.times_served() == served + 1, within=60)
    assert machine.answering() == before
    assert shown(machine, execution_id)["status"] == "running"
    assert has_whole_log(machine, execution_id)
