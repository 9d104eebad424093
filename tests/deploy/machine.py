"""A machine that systemd has booted: a small Debian in systemd-nspawn, on this one's network."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from documents import ROOT
from eventually import eventually
from server_process import free_port

TOOLS = ("systemd-nspawn", "mmdebstrap", "nsenter", "git")
PACKAGES = "systemd,systemd-sysv,dbus,python3"
PYTHON = "/usr/bin/python3.11"  # the same one here and in there
UNITS = "etc/systemd/system"


class Machine:
    """`root` is its file system, with a clone and a virtual environment in /opt/stepflow."""

    def __init__(self, folder: Path) -> None:
        missing = [tool for tool in (*TOOLS, PYTHON) if shutil.which(tool) is None]
        if missing or os.geteuid() != 0:
            pytest.skip(f"needs root and Debian 12 with {', '.join(TOOLS)} (missing: {missing})")
        self.root = folder / "root"
        self.port, self.websocket_port = free_port(), free_port()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)
        archive = folder / "root.tar"
        _run("mmdebstrap", "-q", "--variant=minbase", f"--include={PACKAGES}", "bookworm", archive)
        self.root.mkdir()
        _run("tar", "-C", self.root, "-xf", archive, "--exclude=./dev/*")
        self._install()
        name = f"stepflow-{os.getpid()}"
        boot = ["systemd-nspawn", "-q", "-D", str(self.root), "--register=no", "--keep-unit", "-b"]
        self._nspawn = subprocess.Popen(
            [*boot, "-M", name, "--console=read-only"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(lambda: self.type("systemctl", "is-system-running") == "running", within=90)

    def type(self, *command: str) -> str:
        """What a command in there printed."""
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text()
        if not children.strip():
            return "not booted"
        inside = ["nsenter", "-t", children.split()[0], "-m", "-u", "-i", "-p", "-C", *command]
        done = subprocess.run(inside, capture_output=True, text=True, timeout=120, check=False)
        return (done.stdout + done.stderr).strip()

    def use(self, service: str, *drop_ins: Path) -> None:
        """Make this the service's unit, on ports of its own, and forget what ran."""
        for unit in ("stepflow.socket", "stepflow.service"):
            self.type("systemctl", "stop", unit)
        self.type("systemctl", "kill", "-s", "KILL", "stepflow.service")
        folder = self.root / UNITS / "stepflow.service.d"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (self.root / UNITS / "stepflow.service").write_text(service)
        ports = f"STEPFLOW_PORT={self.port} STEPFLOW_WEBSOCKET_PORT={self.websocket_port}"
        (folder / "ports.conf").write_text(f"[Service]\nEnvironment={ports}\n")
        for drop_in in drop_ins:
            shutil.copy(drop_in, folder)
        socket = (ROOT / "deploy/systemd/stepflow.socket").read_text()
        ours = socket.replace("8080", str(self.port)).replace("8765", str(self.websocket_port))
        (self.root / UNITS / "stepflow.socket").write_text(ours)
        self.type("systemctl", "daemon-reload")

    def does(self, *arguments: str) -> None:
        """systemctl, which must have nothing to say."""
        assert self.type("systemctl", *arguments) == "", self.type("journalctl", "-n", "30")

    def answering(self) -> int:
        """The process id of the server, once it answers."""

        def process() -> int:
            try:
                return int(self.client.get("/api/health/status").json()["process_id"])
            except httpx.TransportError:
                return 0

        return eventually(process, within=60)

    def times_served(self) -> int:
        log = self.root / "opt/stepflow/logs/stepflow.log"
        return log.read_text().count(" serving ") if log.exists() else 0

    def power_off(self) -> None:
        self.client.close()
        self._nspawn.send_signal(signal.SIGTERM)
        try:
            self._nspawn.wait(60)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()

    def _install(self) -> None:
        home = self.root / "opt/stepflow"
        _run("git", "clone", "-q", str(ROOT), home)
        uv = str(Path(sys.executable).with_name("uv"))
        _run(uv, "venv", "-q", "-p", PYTHON, "--relocatable", home / "venv")
        python = ("--python", str(home / "venv/bin/python"))
        _run(uv, "pip", "install", "-q", *python, "-r", home / "requirements.txt", at=home)
        _run("chroot", self.root, "useradd", "--system", "--home-dir", "/opt/stepflow", "stepflow")
        _run("chroot", self.root, "chown", "-R", "stepflow:stepflow", "/opt/stepflow")


def _run(*command: str | Path, at: Path | None = None) -> None:
    subprocess.run([str(word) for word in command], check=True, timeout=900, cwd=at)
