"""Follows one execution until its end: events say that there is more, the log itself is read by
byte range. So output is exact, a flood costs no memory, and nothing is missed when the server is
restarted or killed: the next read goes on at the same byte.
"""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, NamedTuple, Protocol

from stepflow.cli.client import Client, Json, NoServer
from stepflow.cli.view import View
from stepflow.errors import NotFound, RangeNotSatisfiable, StepflowError, Unavailable

_PIECE_BYTES = 1 << 20
_READ_BYTES = 1 << 16
_STUCK_SECONDS = 10.0
_RETRY_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5)


class Screen(Protocol):
    """Where a followed execution is shown."""

    tick_seconds: float
    wants_output: bool

    def begin(self, view: View) -> None: ...
    def event(self, name: str, data: Any) -> None: ...
    def output(self, data: bytes) -> None: ...
    def tick(self, absent_seconds: float | None) -> None: ...
    def say(self, note: str) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def end(self, view: View) -> None: ...


class Signalled(NamedTuple):
    number: int


class Lost(NamedTuple):
    """The server went away; it is looked for."""

    since: float


class Found(NamedTuple):
    pass


class Broken(NamedTuple):
    """The stream can't go on."""

    error: Exception


class Typed(NamedTuple):
    """Bytes from the keyboard of a terminal in raw mode."""

    data: bytes


class Happened(NamedTuple):
    name: str
    data: Any


Message = Signalled | Lost | Found | Broken | Typed | Happened
Messages = SimpleQueue[Message]


class Left(StepflowError):
    """The viewer left; the execution goes on."""

    exit_code = 130


class EventStream(threading.Thread):
    """Puts an execution's events on the queue, over as many connections as it takes."""

    def __init__(
        self, client: Client, path: str, messages: Messages, revive: Callable[[float], None]
    ) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._path = path
        self._messages = messages
        self._revive = revive

    def run(self) -> None:
        lost_at: float | None = None
        attempt = 0
        while True:
            try:
                for sent in self._client.events(f"{self._path}/events", cursor="end"):
                    if lost_at is not None:
                        lost_at, attempt = None, 0
                        self._messages.put(Found())
                    self._messages.put(Happened(sent.name, json.loads(sent.data)))
                    if sent.name == "end":
                        return
            except Unavailable:
                pass  # told below: whichever way the stream ended, it ended too early
            except Exception as error:  # noqa: BLE001 - the main thread raises it
                self._messages.put(Broken(error))
                return
            if lost_at is None:
                lost_at = time.monotonic()
                self._messages.put(Lost(lost_at))
            time.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
            attempt += 1
            try:
                self._revive(time.monotonic() - lost_at)
            except StepflowError as error:
                self._messages.put(Broken(error))
                return


class Follower:
    def __init__(
        self,
        client: Client,
        path: str,
        screen: Screen,
        revive: Callable[[float], None],
        *,
        offset: int = 0,
    ) -> None:
        self.view = View()
        self.messages: Messages = SimpleQueue()
        self._client = client
        self._path = path
        self._screen = screen
        self._revive = revive
        self._offset = offset
        self._lost_since: float | None = None
        self._interrupts = 0
        # Events tell of growth from now on; what was there before is asked for once.
        self._may_have_more = False

    def follow(self) -> Json:
        """The execution as it ended. Raises Left when the viewer wants to leave it running."""
        EventStream(self._client, self._path, self.messages, self._revive).start()
        ticked = time.monotonic()
        begun = False
        while not self.view.is_over:
            behind = self._screen.wants_output and (
                self._may_have_more or self._offset < self.view.size_bytes
            )
            try:
                message = self.messages.get(timeout=0 if behind else self._screen.tick_seconds)
            except Empty:
                if behind and not self._copy():
                    self._may_have_more = False
                    self._pause_reading()
            else:
                self._receive(message)
                if self.view.execution and not begun:
                    begun = True
                    self._screen.begin(self.view)
            now = time.monotonic()
            if now - ticked >= self._screen.tick_seconds:
                ticked = now
                self._screen.tick(now - self._lost_since if self._lost_since else None)
        if self._screen.wants_output:
            self._copy_rest()
        self._screen.end(self.view)
        return self.view.execution

    def _receive(self, message: Message) -> None:
        match message:
            case Happened(name="execution_deleted"):
                raise NotFound("the execution was deleted")
            case Happened(name="lagged"):
                self.view.apply("snapshot", self._client.ask("GET", self._path))
            case Happened(name=name, data=data):
                self.view.apply(name, data)
                self._may_have_more |= name == "snapshot"
                self._screen.event(name, data)
            case Lost(since=since):
                self._lost_since = since
            case Found():
                self._lost_since = None
            case Broken(error=error):
                raise error
            case Signalled(number=number):
                self._obey(number)
            case Typed(data=data):
                self._type(data)

    def _obey(self, number: int) -> None:
        if number == signal.SIGTSTP:
            self._screen.pause()
            signal.raise_signal(signal.SIGSTOP)
            self._screen.resume()
        elif number == signal.SIGWINCH:
            self._resize()
        else:
            self._interrupt()

    def _interrupt(self) -> None:
        """First: please stop. Second: now. Third: leave it."""
        self._interrupts += 1
        if self._interrupts > 2 or not self.view.execution:
            raise Left(self.how_to_return())
        kill = self._interrupts == 2
        try:
            self._client.ask("POST", f"{self._path}/cancel", {"kill": kill})
        except NoServer:
            raise Left(f"the server is away and can't stop it; {self.how_to_return()}") from None
        except StepflowError as error:
            self._screen.say(error.detail)
            return
        grace = self.view.execution.get("grace") or 0
        self._screen.say(
            "killing it; Ctrl-C again leaves it alone"
            if kill
            else f"asked it to stop, {grace:g} s grace; Ctrl-C again kills it now"
        )

    def how_to_return(self) -> str:
        identity = self._path.rpartition("/")[2]
        return f"it goes on: `stepflow logs -f {identity}` watches it, `stepflow cancel` stops it"

    def _type(self, data: bytes) -> None:
        if self._lost_since is not None:
            if b"\x03" in data:
                raise Left(f"the server is away; {self.how_to_return()}")
            return
        try:
            self._client.ask("POST", f"{self._path}/input", data)
        except NoServer:
            return  # the event stream notices too, and says so
        except StepflowError as error:
            if not self.view.is_final:
                raise
            self._screen.say(error.detail)

    def _resize(self) -> None:
        import os

        columns, rows = os.get_terminal_size(1)
        try:
            self._client.ask("POST", f"{self._path}/window", {"rows": rows, "cols": columns})
        except StepflowError:
            return  # a wrong window is no reason to stop watching; the next change sets it right

    def _copy(self) -> bool:
        """Show the next piece of the log; False if there was none to be had."""
        last = self._offset + _PIECE_BYTES - 1
        try:
            answer = self._client.open(
                "GET", f"{self._path}/log", headers={"Range": f"bytes={self._offset}-{last}"}
            )
            with answer:
                return self._show(answer)
        except (RangeNotSatisfiable, Unavailable):
            return False

    def _show(self, answer: Any) -> bool:
        before = self._offset
        while data := self._client.read(answer, _READ_BYTES):
            self._offset += len(data)
            self._screen.output(data)
        return self._offset > before

    def _copy_rest(self) -> None:
        """Everything up to the end that the server told, though it may leave meanwhile."""
        moved = time.monotonic()
        while True:
            while self._copy():
                moved = time.monotonic()
            if self._offset >= self.view.size_bytes:
                return
            if time.monotonic() - moved > _STUCK_SECONDS and self._client.answers():
                missing = self.view.size_bytes - self._offset
                raise StepflowError(f"the last {missing} bytes of the log can't be read")
            self._pause_reading()
            self._revive(time.monotonic() - moved)

    def _pause_reading(self) -> None:
        time.sleep(0.02)


@contextmanager
def signals(messages: Messages, *numbers: signal.Signals) -> Iterator[None]:
    """Signals as messages, for as long as it lasts."""

    def heard(number: int, _frame: FrameType | None) -> None:
        messages.put(Signalled(number))

    previous = {number: signal.signal(number, heard) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
