"""Real containers: podman on a machine that has no registry, no systemd and few privileges.

The base image of the Dockerfile is made here from Debian packages, so Python's version and paths
differ from the published one; everything else is the Dockerfile as it is.
"""

import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from documents import ROOT
from eventually import eventually
from server_process import free_port

BASE = "python:3.13-slim-bookworm"
IMAGE = "stepflow/monitor:optimized"
TOOLS = ("podman", "runc", "mmdebstrap")
PACKAGES = "python3,python3-venv,python-is-python3,ca-certificates"
# runc, since crun refuses machines with both kinds of control groups.
SETTINGS = """
[containers]
default_ulimits = ["nofile=8192:8192", "nproc=8192:8192"]
[engine]
runtime = "{runc}"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


class Engine:
    """podman, with settings of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = folder / "containers.conf"
        settings.write_text(SETTINGS.format(runc=shutil.which("runc")))
        self._environment = {**os.environ, "CONTAINERS_CONF": str(settings)}

    @classmethod
    def if_here(cls, folder: Path) -> "Engine":
        missing = [tool for tool in TOOLS if shutil.which(tool) is None]
        if missing or os.geteuid() != 0:
            pytest.skip(f"needs root and {', '.join(TOOLS)} (missing: {missing})")
        return cls(folder)

    def run(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["podman", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def compose(self, folder: Path, *arguments: str) -> None:
        """`docker-compose` for the docker-compose.yml in a folder, with the image that is here."""
        self.do("tag", IMAGE, f"localhost/{folder.name}_stepflow")
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run(
            [uv, "tool", "run", "-q", "podman-compose==1.6.0", *arguments],
            cwd=folder,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=120,
        )

    def do(self, *arguments: str, seconds: float = 60) -> str:
        done = self.run(*arguments, seconds=seconds)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def build(self, clone: Path) -> None:
        """The image of a clone, from its Dockerfile."""
        if self.run("image", "exists", BASE).returncode != 0:
            self._make_base()
        self.do(
            *("build", "--format=docker", "--isolation=chroot", "--network=host", "--pull=never"),
            *_package_sources(),
            *("-t", IMAGE, str(clone)),
            seconds=1200,
        )

    def _make_base(self) -> None:
        archive = self.folder / "base.tar"
        debootstrap = ("mmdebstrap", "-q", "--variant=minbase", f"--include={PACKAGES}")
        subprocess.run([*debootstrap, "bookworm", str(archive)], check=True, timeout=600)
        self.do("import", str(archive), BASE, seconds=300)
        archive.unlink()


class Container:
    """A container of our image with its two ports published."""

    def __init__(self, engine: Engine, *options: str, command: tuple[str, ...] = ()) -> None:
        self.engine = engine
        self.name = f"stepflow-test-{uuid.uuid4().hex[:12]}"
        self.port, self.websocket_port = free_port(), free_port()
        ports = (f"-p=127.0.0.1:{self.port}:8080", f"-p=127.0.0.1:{self.websocket_port}:8765")
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)
        engine.do("run", "-d", "--name", self.name, *ports, *options, IMAGE, *command)

    def answering(self) -> "Container":
        eventually(self._answers, within=60)
        return self

    def inside(self, *command: str) -> str:
        return self.engine.do("exec", self.name, *command)

    def ran(self, command: str, **fields: Any) -> dict[str, Any]:
        """An execution that has ended, with its `log`."""
        wanted = {"command": command, **fields}
        made = self.client.post("/api/executions", json=wanted, params={"wait": "30s"}).json()
        return {
            **made["execution"],
            "log": self.client.get(f"/api/executions/{made['id']}/log").text,
        }

    def said(self) -> str:
        done = self.engine.run("logs", self.name)
        return done.stdout + done.stderr

    def remove(self) -> None:
        self.client.close()
        self.engine.run("rm", "-f", "-v", "-t", "1", self.name)

    def _answers(self) -> bool:
        try:
            return self.client.get("/api/health").status_code == 200
        except httpx.TransportError:
            state = self.engine.do("inspect", "-f", "{{.State.Status}}", self.name)
            assert state in ("running", "created"), self.said()
            return False


def compose_options(folder: Path) -> list[str]:
    """What docker-compose.yml says of its service, as options; the ports are the caller's."""
    (service,) = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    mounts = [f"-v={folder / volume}" for volume in service["volumes"]]
    check = " ".join(service["healthcheck"]["test"][1:])
    return [*mounts, *(f"-e={one}" for one in service["environment"]), f"--health-cmd={check}"]


def _package_sources() -> list[str]:
    """How this machine's pip and npm reach their packages, lent to the build."""
    lent = [Path("/etc/ssl/certs"), Path("/etc/pip.conf"), Path.home() / ".config/pip"]
    options = [f"-v={path}:{path}:ro" for path in lent if path.exists()]
    options += [f"--env={name}={os.environ[name]}" for name in ("PIP_CERT",) if name in os.environ]
    npm = shutil.which("npm")
    if npm is None:
        return options
    npmrc = Path(subprocess.check_output([npm, "config", "get", "globalconfig"], text=True).strip())
    if npmrc.is_file():
        options += [f"-v={npmrc}:/srv/npmrc:ro", "--env=npm_config_globalconfig=/srv/npmrc"]
    return options
