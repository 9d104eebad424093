import signal
import socket
import subprocess
import sys
from pathlib import Path

from eventually import eventually
from server_process import ServerProcess

# What systemd does for a unit with a socket of two lines: descriptors 3 and 4, and whose they are.
ACTIVATE = """
import fcntl, os, sys
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[1:]]
os.dup2(high[0], 3), os.dup2(high[1], 4)
os.environ |= {"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-m", "stepflow", "serve"])
"""


class ActivatedServer(ServerProcess):
    """Started by a process that listens already on its two ports."""

    def spawn(self) -> subprocess.Popen[bytes]:
        with (
            socket.create_server(("127.0.0.1", self.port)) as main,
            socket.create_server(("127.0.0.1", self.websocket_port)) as old,
            (self.folder / "stderr").open("wb") as stderr,
        ):
            descriptors = (main.fileno(), old.fileno())
            self.process = subprocess.Popen(
                [sys.executable, "-c", ACTIVATE, *map(str, descriptors)],
                cwd=self.folder,
                env=self.environment,
                pass_fds=descriptors,
                stderr=stderr,
            )
        return self.process


def is_open(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as asking:
        asking.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return asking.recv(20).startswith(b"HTTP/1.1")


def test_sockets_that_were_opened_for_the_server_survive_its_restarts(tmp_path: Path) -> None:
    with ActivatedServer(tmp_path) as server:
        assert server.process is not None
        for times_served in (2, 3):
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda times=times_served: server.log.count(" serving ") == times, within=30)
            assert is_open(server.port)
            assert is_open(server.websocket_port)
