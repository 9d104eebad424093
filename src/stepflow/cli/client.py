"""HTTP to the server of a storage folder (by its unix socket) or to one elsewhere (by URL).

http.client and not httpx: httpx costs half a second of import. A unix socket's address holds 107
bytes, so it is reached through the descriptor of its folder: any length of path works.
"""

import http.client
import json
import os
import select
import socket
import struct
from collections.abc import Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from stepflow import errors

SOCKET_NAME = "stepflow.sock"
_PEER = struct.Struct("iII")  # pid, uid, gid
_RAISED = {
    kind.status: kind
    for kind in (
        errors.InvalidRequest,
        errors.NotAuthenticated,
        errors.Forbidden,
        errors.NotFound,
        errors.Conflict,
        errors.TooLarge,
        errors.UnsupportedMediaType,
        errors.RangeNotSatisfiable,
        errors.Unavailable,
        errors.NoSpace,
    )
}
_GONE = (OSError, http.client.HTTPException)

Json = dict[str, Any]


class NoServer(errors.Unavailable):
    """No server answers. `is_absent`: nothing of the request can have reached one."""

    exit_code = 5

    def __init__(self, detail: str, *, is_absent: bool = False) -> None:
        super().__init__(detail)
        self.is_absent = is_absent


class Sent(NamedTuple):
    """One server-sent event."""

    name: str
    id: str | None
    data: str


class Client:
    """One place where the API answers. Each method is one request, errors are raised as ours."""

    where: str
    is_local: bool
    patience_seconds: float | None = None  # for one answer; None waits for ever

    def __init__(self, prefix: str = "", headers: Mapping[str, str] | None = None) -> None:
        self._prefix = prefix
        self._headers = dict(headers or {})
        self._kept: http.client.HTTPConnection | None = None

    def connect(self) -> http.client.HTTPConnection:
        raise NotImplementedError

    def twin(self) -> "Client":
        """The same place for another thread: a connection is for one alone."""
        twin = copy(self)
        twin._kept = None
        return twin

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON answer; the connection is kept for the next request."""
        with self.open(method, path, body, **query) as answer:
            return json.loads(self.read(answer) or b"null")

    def open(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> http.client.HTTPResponse:
        """A good answer, its body not yet read; read it all before the next request."""
        kept, self._kept = self._kept, None
        connection = kept if kept is not None and not _is_closed(kept) else self.connect()
        answer = self._send(connection, method, path, body=body, headers=headers, query=query)
        if answer.status >= 400:
            refusal = _refusal(answer)
            connection.close()
            raise refusal
        self._kept = connection
        return answer

    def read(self, answer: http.client.HTTPResponse, most_bytes: int | None = None) -> bytes:
        """The next piece of a body (b"" at its end), or all of it."""
        try:
            return answer.read() if most_bytes is None else answer.read1(most_bytes)
        except _GONE as error:
            raise self._absent(error) from error

    def events(self, path: str, *, cursor: str) -> Iterator[Sent]:
        """The event stream from a cursor of the log on, over a connection of its own."""
        connection = self.connect()
        try:
            query = {"cursor": cursor}
            answer = self._send(
                connection, "GET", path, headers={"Accept": "text/event-stream"}, query=query
            )
            if answer.status >= 400:
                raise _refusal(answer)
            yield from _sent_events(iter(lambda: self.read(answer, 1 << 16), b""))
        finally:
            connection.close()

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any],
    ) -> http.client.HTTPResponse:
        sent = {**self._headers, **(headers or {})}
        if isinstance(body, bytes | Iterator):
            sent.setdefault("Content-Type", "application/octet-stream")
        elif body is not None:
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        wanted = {key: value for key, value in query.items() if value is not None}
        target = self._prefix + path + (f"?{urlencode(wanted)}" if wanted else "")
        try:
            connection.request(method, target, body, sent)
            return connection.getresponse()
        except _GONE as error:
            connection.close()
            raise self._absent(error) from error

    def _absent(self, error: Exception) -> NoServer:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        advice = "stepflow serve starts one" if self.is_local else "check STEPFLOW_URL"
        return NoServer(
            f"no server answers for {self.where} ({words}): {advice}",
            is_absent=isinstance(
                error, FileNotFoundError | NotADirectoryError | ConnectionRefusedError
            ),
        )

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def answers(self) -> bool:
        """Whether somebody accepts connections there."""
        connection = self.connect()
        try:
            connection.connect()
        except _GONE:
            return False
        finally:
            connection.close()
        return True


class FolderClient(Client):
    """The server that owns a storage folder."""

    is_local = True

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.where = str(folder)

    def connect(self) -> http.client.HTTPConnection:
        return _UnixConnection(self.folder, self.patience_seconds)

    def server_process(self) -> int:
        """The process that listens there, as this one numbers it; 0 if it has no number here."""
        connection = self.connect()
        connection.connect()
        peer = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        connection.close()
        return int(_PEER.unpack(peer)[0])


class UrlClient(Client):
    """A server elsewhere; the key goes along where one is set."""

    is_local = False

    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise errors.InvalidSetting(f"STEPFLOW_URL {url!r} is no http:// or https:// address")
        super().__init__(
            parts.path.rstrip("/"), {"Authorization": f"Bearer {key}"} if key else None
        )
        self.where = url
        self._scheme, self._netloc = parts.scheme, parts.netloc.rpartition("@")[2]

    def connect(self) -> http.client.HTTPConnection:
        if self._scheme == "https":
            kind: type[http.client.HTTPConnection] = http.client.HTTPSConnection
        else:
            kind = http.client.HTTPConnection
        return kind(self._netloc, timeout=self.patience_seconds)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, folder: Path, patience_seconds: float | None) -> None:
        super().__init__("localhost", timeout=patience_seconds)
        self._folder = folder

    def connect(self) -> None:
        directory = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"/proc/self/fd/{directory}/{SOCKET_NAME}")
        finally:
            os.close(directory)


def _is_closed(kept: http.client.HTTPConnection) -> bool:
    """Whether an idle or restarted server has closed the connection: then it is readable."""
    return kept.sock is None or bool(select.select([kept.sock], [], [], 0)[0])


def _refusal(answer: http.client.HTTPResponse) -> errors.StepflowError:
    """The error that a problem document speaks of."""
    text = answer.read(65536).decode(errors="replace").strip()
    try:
        problem = json.loads(text)
        detail = str(problem.get("detail") or problem.get("error") or problem.get("title"))
        field = problem.get("field")
    except (ValueError, AttributeError):
        detail, field = text.partition("\n")[0] or answer.reason, None
    kind = _RAISED.get(answer.status, errors.StepflowError)
    if field and field not in detail:
        detail = f"{field}: {detail}"
    if answer.status == 401:
        detail += " (set STEPFLOW_API_KEY)"
    return kind(detail, field=field)


def _sent_events(chunks: Iterator[bytes]) -> Iterator[Sent]:
    rest = b""
    for chunk in chunks:
        rest += chunk.replace(b"\r\n", b"\n")
        *blocks, rest = rest.split(b"\n\n")
        for block in blocks:
            name, identity, data = "message", None, []
            for line in block.decode(errors="replace").split("\n"):
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "event":
                    name = value
                elif field == "id":
                    identity = value
                elif field == "data":
                    data.append(value)
            if data:
                yield Sent(name, identity, "\n".join(data))


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="")
