"""The listening sockets: our own, systemd's, or those that survived a restart in place."""

import errno
import os
import socket
from collections.abc import MutableMapping
from pathlib import Path
from typing import Self

from stepflow.config import Settings
from stepflow.errors import PortTaken
from stepflow.server.storage import SOCKET_NAME

HTTP, WEBSOCKET, UNIX = "http", "websocket", "unix"
BACKLOG = 2048
FIRST_SYSTEMD_DESCRIPTOR = 3


class Sockets:
    """The sockets of one server by name: there before anything serves on them, and after it."""

    def __init__(self, by_name: dict[str, socket.socket]) -> None:
        self._by_name = by_name

    @classmethod
    def open(
        cls, storage: Path, settings: Settings, left: dict[str, int], *, is_private: bool
    ) -> Self:
        """Every socket that is wanted, as far as the image before (`left`) or systemd did not
        open it already. PortTaken."""
        sockets = {name: inherited(descriptor) for name, descriptor in left.items()}
        if UNIX not in sockets:
            sockets[UNIX] = listen_in(storage)
        if is_private:
            return cls(sockets)
        for name, opened in zip((HTTP, WEBSOCKET), from_systemd(os.environ), strict=False):
            sockets.setdefault(name, opened)
        if HTTP not in sockets:
            sockets[HTTP] = listen(settings.host, settings.port, "STEPFLOW_PORT")
        if WEBSOCKET not in sockets:
            host, port = settings.effective_websocket_host, settings.websocket_port
            sockets[WEBSOCKET] = listen(host, port, "STEPFLOW_WEBSOCKET_PORT")
        return cls(sockets)

    @property
    def descriptors(self) -> dict[str, int]:
        return {name: opened.fileno() for name, opened in self._by_name.items()}

    @property
    def addresses(self) -> dict[str, str]:
        """host:port of those that have one."""
        return {
            name: "{}:{}".format(*opened.getsockname()[:2])
            for name, opened in self._by_name.items()
            if name != UNIX
        }

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(s.getsockname()[1] for n, s in self._by_name.items() if n != UNIX)

    def duplicate(self, name: str) -> socket.socket | None:
        """One more of it, the caller's to close; None if this server has none of that name."""
        opened = self._by_name.get(name)
        return None if opened is None else opened.dup()


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A TCP socket that listens. PortTaken names the port, who holds it, and the setting."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} on {host} is taken by {_holder(port)}: stop that, or set {setting}"
            ) from error
        raise PortTaken(
            f"{host}:{port} can't be opened: {error.strerror}; see {setting}"
        ) from error
    listening.setblocking(False)
    return listening


def listen_in(folder: Path) -> socket.socket:
    """The unix socket `stepflow.sock` in a folder, of whatever length its path is.

    A socket's address may have 107 bytes, so it is bound through the folder's descriptor. The
    file's permission (0600, in a 0700 folder) is the authentication.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    mask = os.umask(0o177)
    try:
        (folder / SOCKET_NAME).unlink(missing_ok=True)
        listening.bind(f"/proc/self/fd/{directory}/{SOCKET_NAME}")
        listening.listen(BACKLOG)
    finally:
        os.umask(mask)
        os.close(directory)
    listening.setblocking(False)
    return listening


def from_systemd(environment: MutableMapping[str, str]) -> list[socket.socket]:
    """Sockets of systemd's socket activation, in the order of its unit; none without it.

    The variables are taken: the next image of this process has the same id, and would take
    whatever bears these numbers then for systemd's.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(environment.pop("LISTEN_FDS", "0"))
    del environment["LISTEN_PID"]
    sockets = []
    for number in range(FIRST_SYSTEMD_DESCRIPTOR, FIRST_SYSTEMD_DESCRIPTOR + count):
        os.set_inheritable(number, False)
        sockets.append(inherited(number))
    return sockets


def inherited(descriptor: int) -> socket.socket:
    listening = socket.socket(fileno=descriptor)
    listening.setblocking(False)
    return listening


def _holder(port: int) -> str:
    """The program that listens on a port, as far as we may know."""
    import psutil  # noqa: PLC0415 - only who can't start needs it that soon

    try:
        for connection in psutil.net_connections("tcp"):
            is_listening = connection.status == psutil.CONN_LISTEN
            at = connection.laddr
            if is_listening and at and at.port == port and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f"{name} (process {connection.pid})"
    except psutil.Error:
        return "another program (whose, only root may know)"
    return "another program"
