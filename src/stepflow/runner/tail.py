"""When to read which log: one loop for all of them, cheap for us and for who writes.

Quiet logs share one inotify descriptor. A watch costs the writer half of its speed on
line-at-a-time output, so a log that moves loses it and is polled until it is quiet again.
"""

import asyncio
import ctypes
import os
import struct
import time
from collections.abc import Callable

BUSY_BYTES = 4096
POLL_SECONDS = 0.010
QUIET_POLLS = 5
LONGEST_REST_SECONDS = 0.005

_IN_MODIFY, _IN_Q_OVERFLOW = 0x2, 0x4000
_EVENT = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


class Watched:
    """One log: `drain` reads what is there and returns how many bytes it took.

    Returning a full turn's worth means "call me again soon"; 0 means there was nothing, or that
    the log may not be read now (then its owner calls `Tail.wake` when it may).
    """

    __slots__ = ("descriptor", "drain", "empty_polls", "is_polled", "turn_bytes", "watch")

    def __init__(self, descriptor: int, drain: Callable[[], int], turn_bytes: int) -> None:
        self.descriptor = descriptor
        self.drain = drain
        self.turn_bytes = turn_bytes
        self.watch: int | None = None
        self.is_polled = False
        self.empty_polls = 0


class Tail:
    """Calls every log's `drain` in the event loop's thread, each in its turn, once it is started:
    before that logs are watched and none is read."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._inotify = _checked(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        self._watched: set[Watched] = set()
        self._by_watch: dict[int, Watched] = {}
        self._ready: dict[Watched, None] = {}
        self._polled: set[Watched] = set()
        self._turn: asyncio.TimerHandle | None = None
        self._poll: asyncio.TimerHandle | None = None
        self.started = asyncio.Event()

    def start(self) -> None:
        self.started.set()
        self._loop.add_reader(self._inotify, self._changed)
        self._rest(0)

    def close(self) -> None:
        self._loop.remove_reader(self._inotify)
        for timer in (self._turn, self._poll):
            if timer is not None:
                timer.cancel()
        os.close(self._inotify)

    def add(self, descriptor: int, drain: Callable[[], int], *, turn_bytes: int) -> Watched:
        """Follow an open log; it is drained for the first time soon, whether it changes or not."""
        log = Watched(descriptor, drain, turn_bytes)
        self._watched.add(log)
        self._watch(log)
        self.wake(log)
        return log

    def remove(self, log: Watched) -> None:
        self._watched.discard(log)
        self._unwatch(log)
        self._ready.pop(log, None)
        self._polled.discard(log)

    def wake(self, log: Watched) -> None:
        """Drain this log in the next turn."""
        if log in self._watched:
            self._ready[log] = None
            self._rest(0)

    def _watch(self, log: Watched) -> None:
        path = f"/proc/self/fd/{log.descriptor}".encode()
        log.watch = _checked(_libc.inotify_add_watch(self._inotify, path, _IN_MODIFY))
        self._by_watch[log.watch] = log

    def _unwatch(self, log: Watched) -> None:
        if log.watch is not None and self._by_watch.pop(log.watch, None) is not None:
            _libc.inotify_rm_watch(self._inotify, log.watch)
        log.watch = None

    def _changed(self) -> None:
        self._take_events()
        if self._ready and self._turn is None:
            self._take_turn()

    def _take_events(self) -> None:
        try:
            data = os.read(self._inotify, 1 << 16)
        except BlockingIOError:
            return
        for watch, mask, _, _ in _EVENT.iter_unpack(data):
            if mask & _IN_Q_OVERFLOW:
                self._ready.update(dict.fromkeys(self._watched))
            elif watch in self._by_watch:
                self._ready[self._by_watch[watch]] = None

    def _rest(self, seconds: float) -> None:
        if self._turn is None and self.started.is_set():
            self._turn = self._loop.call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._turn = None
        self._loop.add_reader(self._inotify, self._changed)
        self._take_events()
        if self._ready:
            self._take_turn()

    def _take_turn(self) -> None:
        began = time.perf_counter()
        ready, self._ready = self._ready, {}
        for log in ready:
            if log in self._watched:
                self._drain(log)
        # Resting in proportion leaves the loop to the others, and lets small writes gather.
        rest = min(LONGEST_REST_SECONDS, 3 * (time.perf_counter() - began))
        self._loop.remove_reader(self._inotify)
        self._rest(rest)

    def _drain(self, log: Watched) -> int:
        taken = log.drain()
        if taken >= log.turn_bytes:
            self._ready[log] = None
        if taken >= BUSY_BYTES and not log.is_polled:
            self._unwatch(log)
            log.is_polled = True
            log.empty_polls = 0
            self._polled.add(log)
            if self._poll is None:
                self._poll = self._loop.call_later(POLL_SECONDS, self._poll_all)
        return taken

    def _poll_all(self) -> None:
        self._poll = None
        for log in list(self._polled):
            if log in self._ready:
                continue
            if self._drain(log):
                log.empty_polls = 0
                continue
            log.empty_polls += 1
            if log.empty_polls >= QUIET_POLLS:
                self._polled.discard(log)
                log.is_polled = False
                self._watch(log)
                # What was written between the last read and the watch made no event.
                self.wake(log)
        if self._ready:
            self._rest(0)
        if self._polled:
            self._poll = self._loop.call_later(POLL_SECONDS, self._poll_all)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
