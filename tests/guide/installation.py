"""An installation as the guide's reader has one: a clone with `app/`, `storage/`, `venv/` and its
server, and a shell to type into.

What a block may not do to this machine is done by a stand-in, first on PATH; each says why. The
container engine and systemd themselves are in tests/deploy.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import httpx

from documents import ROOT, tracked
from eventually import eventually
from server_process import free_port

STAMP = "20260102_030405"
VENV = ROOT / ".venv"
STAND_INS = {
    # What is typed within one second: a folder is made and filled by the same name.
    "date": "exec {date} -u -d '2026-01-02 03:04:05' \"$@\"",
    # The engine is in tests/deploy; here it starts and stops the same server without a container.
    "docker-compose": """
case "$1" in
  up) {start} ;;
  down) {stop} ;;
  restart) {stop}; {start} ;;
  ps) kill -0 "$(cat {folder}/pid)" && echo 'stepflow-monitor-optimized  Up' ;;
  logs) tail -n +1 $([ "$2" = -f ] && echo -f) {folder}/output ;;
esac
""",
    # systemd as process 1 is in tests/deploy.
    "systemctl": """
case "$1" in
  start) {start} ;;
  status) kill -0 "$(cat {folder}/pid)" && echo 'Active: active (running)' ;;
esac
""",
    "journalctl": "tail -n +1 -f {folder}/output",
    "sudo": 'exec "$@"',
    # Only this installation's server may be hit, by the pattern that was asked for.
    "pkill": """
pid=$(cat {folder}/pid) && tr '\\0' ' ' < /proc/$pid/cmdline | grep -qE "$2" && {{ {stop}; }}
""",
    "pgrep": 'pid=$(cat {folder}/pid) && grep -q "$1" /proc/$pid/comm && echo $pid',
    # It downloads for a minute; tests/deploy types the same blocks with the real one.
    "pip": """
case "$1" in
  install) [ -s "$3" ] && grep -q == "$3" ;;
  list) sed -n 's/==/  /p' {clone}/requirements.txt ;;
esac
""",
    # `-m venv` without the real pip, and a short performance test.
    "python3": """
if [ "$1 $2" = "-m venv" ]; then
  {python} -m venv --without-pip "$3" && cp --remove-destination {bin}/pip {bin}/python3 "$3/bin/"
elif [ "$1" = scripts/performance_test.py ]; then
  exec {python} "$@" --seconds 0.5
else
  exec {python} "$@"
fi
""",
    # They would change this machine's kernel and mounts.
    "sysctl": 'echo "sysctl $*"; grep -h = {folder}/etc/sysctl.conf',
    "mount": 'if [ $# = 0 ]; then echo "/dev/sda1 on /path/to/storage type ext4 (rw,noatime)"; fi',
}


def text_of(said: bytes) -> str:
    """What a terminal showed, without colours (grep's) and its line ends."""
    plain = re.sub(rb"\x1b\[[0-9;]*[mK]", b"", said)
    return plain.decode(errors="replace").replace("\r\n", "\n")


_START = """(cd {clone}; PYTHONPATH=. setsid python3 app/main.py > {folder}/output 2>&1 & echo $!) \
  > {folder}/pid; for _ in $(seq 200); do curl -sf -o {folder}/answer \
  http://127.0.0.1:{port}/api/health && break; sleep 0.05; done"""
_STOP = """kill -TERM $(cat {folder}/pid); \
  for _ in $(seq 200); do kill -0 $(cat {folder}/pid) 2>/dev/null || break; sleep 0.05; done"""


class Typed(NamedTuple):
    code: int
    out: str
    err: str


class Installation:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clone = folder / "stepflow"
        self.storage = self.clone / "storage"
        self.bin = folder / "bin"
        self.port, self.websocket_port = free_port(), free_port()
        self._copy_tracked_files()
        (folder / "etc").mkdir()
        self._make_stand_ins()
        (self.storage / "database").mkdir(parents=True, mode=0o700)
        venv = self.clone / "venv/bin"
        venv.mkdir(parents=True)
        (venv / "activate").write_text(f"VIRTUAL_ENV={venv.parent}; PATH={venv}:$PATH\n")
        for name in ("pip", "python3"):
            shutil.copy(self.bin / name, venv)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("STEPFLOW_", "PYTHON"))},
            "PATH": f"{self.bin}:{VENV / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "NO_PROXY": "*",
            "COLUMNS": "200",
            "STEPFLOW_PORT": str(self.port),
            "STEPFLOW_WEBSOCKET_PORT": str(self.websocket_port),
            "STEPFLOW_URL": f"http://127.0.0.1:{self.port}",
            "STEPFLOW_MIN_FREE_BYTES": "0",
        }
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def placed(self, text: str) -> str:
        """A block with this installation's ports, and with its own `/etc`."""
        text = re.sub(r"localhost:8080", f"localhost:{self.port}", text)
        text = re.sub(r"localhost:8765", f"localhost:{self.websocket_port}", text)
        return text.replace(">> /etc/", f">> {self.folder}/etc/")

    def type(self, text: str, *, as_at_a_prompt: bool = False) -> Typed:
        """What a shell in the clone printed for a block."""
        interactive = ["--norc", "-i"] if as_at_a_prompt else []
        done = subprocess.run(
            ["bash", "--noprofile", *interactive],
            input=self.placed(text),
            cwd=self.clone,
            env=self.environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
            start_new_session=True,
        )
        return Typed(done.returncode, done.stdout, done.stderr)

    def type_until(self, text: str, pattern: str, within: float = 20) -> str:
        """The output up to a pattern, of a block that goes on for ever. On a terminal, since grep
        holds its lines back elsewhere."""
        ours, theirs = os.openpty()
        shell = subprocess.Popen(
            ["bash", "--noprofile", "-c", self.placed(text)],
            cwd=self.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        os.set_blocking(ours, False)
        said = bytearray()

        def text() -> str:
            with suppress(OSError):  # nothing yet, or the shell has ended
                said.extend(os.read(ours, 65536))
            return text_of(said)

        try:
            eventually(lambda: re.search(pattern, text()), within)
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
            os.close(ours)
        return text_of(said)

    def start(self) -> "Installation":
        self.type("docker-compose up -d")
        eventually(lambda: self.client.get("/api/health").status_code == 200)
        return self

    def stop(self) -> None:
        self.client.close()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)
        if self.is_running():
            self.type("docker-compose down")

    def is_running(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def ran(self, command: str) -> str:
        """The id of an execution that has ended."""
        wanted = {"command": command, "name": command}
        made = self.client.post("/api/executions", json=wanted, params={"wait": "30s"})
        return str(made.json()["id"])

    def names(self) -> list[str]:
        listed = self.client.get("/api/executions").json()["executions"]
        return sorted(one["name"] for one in listed)

    def log(self) -> str:
        return (self.clone / "logs/stepflow.log").read_text()

    def _copy_tracked_files(self) -> None:
        for path in tracked("app", "scripts", "*.txt", "docker-compose.yml", "pyproject.toml"):
            target = self.clone / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        (self.clone / ".gitignore").write_text("/storage/\n/backups/\n/logs/\n/venv/\n")
        origin = self.folder / "origin.git"
        git = "git -c user.name=a -c user.email=a@example.invalid -c init.defaultBranch=main"
        subprocess.run(
            f"{git} init -q && {git} add -A && {git} commit -qm before"
            f" && {git} clone -q --bare . {origin} && {git} remote add origin {origin}"
            f" && {git} commit -q --allow-empty -m now && {git} push -q origin main"
            f" && {git} reset -q --hard HEAD~1",
            shell=True,
            cwd=self.clone,
            check=True,
        )

    def _make_stand_ins(self) -> None:
        self.bin.mkdir()
        places = {
            "folder": self.folder,
            "clone": self.clone,
            "bin": self.bin,
            "port": self.port,
            "python": VENV / "bin/python3",
            "date": shutil.which("date"),
        }
        places["start"] = _START.format_map(places)
        places["stop"] = _STOP.format_map(places)
        for name, script in STAND_INS.items():
            path = self.bin / name
            path.write_text("#!/bin/sh\n" + script.format_map(places).strip() + "\n")
            path.chmod(0o755)
