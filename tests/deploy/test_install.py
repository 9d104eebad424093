import platform
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from installing import BASE_PYTHON, Shell, Started

import stepflow
from eventually import eventually

Start = Callable[[str, Path], Started]
NEW_VENV = f"{BASE_PYTHON} -m venv venv && . venv/bin/activate"


def test_make_setup_prepares_a_clone_once(clone: Path, shell: Shell) -> None:
    shell("make setup")
    assert stepflow.__version__ in shell(".venv/bin/stepflow --version")
    assert shell("git status --short") == ""
    began = time.monotonic()
    shell("make setup")
    assert time.monotonic() - began < 3


def test_make_run_serves_with_an_example_and_can_be_typed_twice(
    clone: Path, shell: Shell, started: Start
) -> None:
    shell("make setup")
    server = started("exec scripts/run-with-example", clone)
    eventually(lambda: server.names() == ["Example: build and test"])
    assert server.has_page_api_and_pump()
    assert "already running" in shell("make run", STEPFLOW_PORT=str(server.client.base_url.port))

    def kept() -> list[tuple[str, str]]:
        found = server.client.get("/api/artifacts").json()["artifacts"]
        return [(artifact["name"], artifact["state"]) for artifact in found]

    assert eventually(kept, within=30) == [("report.csv", "stored")]
    assert shell("git status --short") == ""


def test_the_guides_own_path_needs_no_make(clone: Path, shell: Shell, started: Start) -> None:
    shell(f"{NEW_VENV} && pip install -q -r requirements.txt")
    assert "aiosqlite" in shell(". venv/bin/activate && pip list")
    shell(". venv/bin/activate && python3 -c 'from app.core.persistence import PersistenceLayer'")
    line = ". venv/bin/activate && PYTHONPATH=. exec python3 app/main.py"
    assert started(line, clone).has_page_api_and_pump()


def test_pip_install_brings_pump_and_page(
    clone: Path, shell: Shell, started: Start, tmp_path: Path
) -> None:
    shell(f"{NEW_VENV} && pip install -q .")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "storage").mkdir(parents=True, mode=0o700)
    assert started(f"exec {clone}/venv/bin/stepflow serve", elsewhere).has_page_api_and_pump()


def test_the_wheel_fits_every_python_of_this_machine(clone: Path, shell: Shell) -> None:
    shell(f"{NEW_VENV} && pip wheel -q --no-deps -w dist .")
    (wheel,) = (clone / "dist").iterdir()
    assert wheel.name.endswith(f"-py3-none-linux_{platform.machine()}.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "stepflow/process/stepflow-pump" in names
    assert "stepflow/web/static/index.html" in names


def test_without_cc_and_node_the_wheel_is_pure_and_has_the_page(
    clone: Path, shell: Shell, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "bash", "env", "uname", "dirname", "sed"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    shell(f"{NEW_VENV} && pip wheel -q --no-deps -w dist .", PATH=str(tools))
    (wheel,) = (clone / "dist").iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "stepflow/process/stepflow-pump" not in names
    assert "stepflow/web/static/index.html" in names
