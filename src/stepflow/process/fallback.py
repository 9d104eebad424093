"""The pump in Python, for machines without the compiled one: the same protocol to the letter.

It runs alone (`python -I -S fallback.py [--attach] ID`), so it imports nothing of stepflow; the
protocol is described in src/pump/pump.c and docs. Bytes stay in the kernel where splice works,
so killing the pump loses none of them. Everything is one thread around one poll.
"""

# ruff: noqa: PTH110, PTH116, PTH118, PTH123, PTH208 - importing pathlib costs 5 ms of every start

import binascii
import ctypes
import errno
import fcntl
import os
import resource
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, NoReturn

STATUS, FOLDER, BLOCK = 3, 4, 5
FIRST_OTHER = 6
PUMP, SCRIPT, EXIT = (int.from_bytes(name, "little") for name in (b"PUMP", b"SCRP", b"EXIT"))
SLOT_BYTES = 64
TEXT_OFFSET, TEXT_BYTES = 1024, 3064
TTY, KEEP_BACKGROUND, STDIN = 1, 2, 4
BY_ITSELF, ASKED, DEADLINE, COULD_NOT_START, LOG_LIMIT = range(5)
CHDIR, EXEC, OPEN_STDIN, FORK = 1, 2, 3, 4
COMPLETE, CUT, SURVIVORS, UNKNOWN = 1, 2, 4, 8
CODE_UNKNOWN = 0xFFFFFFFF

LINGER = 2.0
SWEEP_LOOK, SWEEP_GRACE, SWEEP_LIMIT = 0.1, 1.0, 2.0
SWEEP_PAUSE = 0.02
FULL_DISK_PAUSE = 0.1
LEARN_LIMIT = 0.5
TIME_INDEX_GAP = 0.1
COALESCE_BELOW, COALESCE_WITHIN, COALESCE_PAUSE = 32 << 10, 200e-6, 300e-6
# A poll's clock stands still while the machine sleeps, a deadline's does not.
LONGEST_WAIT = 30.0
READ_BYTES = 64 << 10
SPLICE_BYTES = 1 << 20
TURN = 64

HEAD = struct.Struct("<8sIIqQQQHHII")
PROCESS = struct.Struct("<IIQ16sQq12x")
EXIT_RECORD = struct.Struct("<IIIIqQQQII4x")
START_FAILURE = struct.Struct("<II")
INPUT_HEAD = struct.Struct("<BI")
WINDOW = struct.Struct("<HH")
PR_SET_CHILD_SUBREAPER = 36
IN_OPEN = 0x20
PIDFD_GET_INFO, PIDFD_INFO_EXIT, PIDFD_INFO = 0xC040FF0B, 8, struct.Struct("<QQ11Ii")
GIVEN_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Launch(NamedTuple):
    flags: int
    deadline: int
    grace: float
    max_log_bytes: int
    open_files: int
    window: tuple[int, int]
    directory: bytes
    argv: list[bytes]
    environment: dict[bytes, bytes]


def read_launch() -> Launch:
    block = bytearray()
    while piece := os.pread(BLOCK, 1 << 20, len(block)):
        block += piece
    magic, version, flags, deadline, grace, limit, files, rows, columns, argc, envc = (
        HEAD.unpack_from(block)
    )
    if (magic, version) != (b"SFLAUNCH", 1):
        sys.exit(2)
    directory, *rest = bytes(block[HEAD.size :]).split(b"\0")[: 1 + argc + envc]
    pairs = (pair.partition(b"=") for pair in rest[argc:])
    return Launch(
        flags,
        deadline,
        grace / 1000,
        limit,
        files,
        (rows, columns),
        directory,
        rest[:argc],
        {name: value for name, _, value in pairs},
    )


def write_slot(number: int, body: bytes) -> None:
    os.pwrite(STATUS, body + struct.pack("<I", binascii.crc32(body)), number * SLOT_BYTES)


def read_slot(number: int, kind: int) -> bytes | None:
    slot = os.pread(STATUS, SLOT_BYTES, number * SLOT_BYTES)
    body, crc = slot[:-4], slot[-4:]
    is_valid = len(slot) == SLOT_BYTES and crc == struct.pack("<I", binascii.crc32(body))
    return body if is_valid and body[:4] == struct.pack("<I", kind) else None


def write_process_slot(number: int, kind: int) -> None:
    boot, namespace = this_boot(), os.stat("/proc/self/ns/pid").st_ino
    started = start_time(os.getpid()) or 0
    stamp = time.time_ns() // 1_000_000
    write_slot(number, PROCESS.pack(kind, os.getpid(), started, boot, namespace, stamp))


def write_background(text: str) -> None:
    data = text.encode()[:TEXT_BYTES]
    os.pwrite(STATUS, struct.pack("<II", len(data), binascii.crc32(data)) + data, TEXT_OFFSET)


def this_boot() -> bytes:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return bytes.fromhex(file.read().strip().replace("-", ""))


class Process(NamedTuple):
    pid: int
    name: str
    state: str
    parent: int
    group: int
    start_time: int

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"


def process(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    name, fields = stat[stat.index(b"(") + 1 : stat.rindex(b")")], stat[stat.rindex(b")") + 2 :]
    part = fields.split()
    return Process(
        pid,
        name.decode("utf-8", "replace"),
        part[0].decode(),
        int(part[1]),
        int(part[2]),
        int(part[19]),
    )


def start_time(pid: int) -> int | None:
    found = process(pid)
    return found.start_time if found else None


def children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                found.extend(map(int, file.read().split()))
    return found


def everybody() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())


HAS_CHILDREN_FILE = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def below(roots: list[int]) -> list[Process]:
    """The living descendants of `roots`, without these."""
    if HAS_CHILDREN_FILE:
        of = children
    else:
        known = [found for found in map(process, everybody()) if found]
        tree: dict[int, list[int]] = {}
        for one in known:
            tree.setdefault(one.parent, []).append(one.pid)

        def of(pid: int) -> list[int]:
            return tree.get(pid, [])

    found, queue = {}, list(roots)
    while queue:
        for pid in of(queue.pop()):
            if pid not in found and pid not in roots:
                found[pid] = process(pid)
                queue.append(pid)
    return [one for one in found.values() if one and one.state not in "ZX"]


def send(target: Process, *signals: int) -> None:
    """Signal exactly this process: its number may have been given to another one by now."""
    try:
        pidfd = os.pidfd_open(target.pid)
    except OSError:
        return
    try:
        if start_time(target.pid) == target.start_time:
            for number in signals:
                with suppress(OSError):
                    signal.pidfd_send_signal(pidfd, number)
    finally:
        os.close(pidfd)


class Log:
    """`source` → `log`. What could not be written yet stays in the pipe, or in `kept`."""

    def __init__(self, source: int, limit: int, *, can_splice: bool) -> None:
        self.source = source
        self.limit = limit
        self.can_splice = can_splice and hasattr(os, "splice")
        self.file = os.open("log", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=FOLDER)
        self.offset = os.lseek(self.file, 0, os.SEEK_END)
        self.kept = b""
        self.is_over = False
        self.overflowed = False
        self.retry_at = 0.0
        self.times: int | None = None
        self.time_position = 0
        self.noted_at = 0.0
        self.moved_at = 0.0
        with suppress(OSError):
            self.times = os.open("time.idx", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=FOLDER)
            self.time_position = os.fstat(self.times).st_size // 16 * 16

    def turn(self) -> None:
        """Move what is there, for a while."""
        for _ in range(TURN):
            if self.retry_at > now() or self.is_over or not self.move():
                return

    def move(self) -> bool:
        """True if something was moved and there may be more."""
        before = self.offset
        try:
            count = self.splice() if self.can_splice and not self.at_limit else self.copy()
        except BlockingIOError:
            return False
        except OSError as error:
            if self.can_splice and error.errno == errno.EINVAL:
                self.can_splice = False
                return True
            if error.errno == errno.EIO and not self.kept and not self.can_splice:
                count = 0  # how a terminal says that nobody has it open
            else:
                self.retry_at = now() + FULL_DISK_PAUSE
                return False
        self.retry_at = 0.0
        if not count:
            self.is_over = True
            return False
        if self.offset > before:
            self.note_time(before)
        self.coalesce(count)
        return True

    @property
    def at_limit(self) -> bool:
        return bool(self.limit) and self.offset >= self.limit

    def room(self, most: int) -> int:
        return min(most, self.limit - self.offset) if self.limit else most

    def splice(self) -> int:
        count = os.splice(
            self.source,
            self.file,
            self.room(SPLICE_BYTES),
            flags=os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE,
        )
        self.offset += count
        return count

    def copy(self) -> int:
        if not self.kept:
            self.kept = os.read(self.source, READ_BYTES)
        count = len(self.kept)
        while self.kept:
            room = self.room(len(self.kept))
            if room <= 0:
                self.overflowed = True
                self.kept = b""
                break
            written = os.write(self.file, self.kept[:room])
            self.offset += written
            self.kept = self.kept[written:]
        return count

    def note_time(self, offset: int) -> None:
        at = time.time()
        if self.times is None or 0 <= at - self.noted_at < TIME_INDEX_GAP:
            return
        with suppress(OSError):
            record = struct.pack("<Qq", offset, int(at * 1000))
            if os.pwrite(self.times, record, self.time_position) == len(record):
                self.time_position += len(record)
                self.noted_at = at

    def coalesce(self, count: int) -> None:
        """A script that writes line by line is faster when it isn't answered line by line."""
        at = time.monotonic()
        if count < COALESCE_BELOW and at - self.moved_at < COALESCE_WITHIN:
            time.sleep(COALESCE_PAUSE)
            at = time.monotonic()
        self.moved_at = at


class KeptInput:
    """The writing end of the script's input until somebody else opens it. See `open_input` in
    pump.c, of which this is the twin."""

    def __init__(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink("in.new", dir_fd=FOLDER)  # of a pump that died here
        os.mkfifo("in.new", 0o600, dir_fd=FOLDER)
        self.script_side: int | None = os.open("in.new", os.O_RDONLY | os.O_NONBLOCK, dir_fd=FOLDER)
        self.keeper = os.open("in.new", os.O_WRONLY, dir_fd=FOLDER)
        self.watch: int | None = watch_opening(f"/proc/self/fd/{FOLDER}/in.new")
        if self.watch is None:
            self.close_script_side()
            os.close(self.keeper)
        else:
            os.set_blocking(self.script_side, True)
        os.rename("in.new", "in", src_dir_fd=FOLDER, dst_dir_fd=FOLDER)

    def close_script_side(self) -> None:
        if self.script_side is not None:
            os.close(self.script_side)
            self.script_side = None

    def turn(self) -> None:
        """From the first other's opening on it ends as any pipe does."""
        if self.watch is not None and select.select([self.watch], [], [], 0)[0]:
            os.close(self.watch)
            os.close(self.keeper)
            self.watch = None


def watch_opening(path: str) -> int | None:
    """A descriptor that becomes readable when somebody opens it; None where nothing is watched."""
    try:
        library = ctypes.CDLL(None)
        watch = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        watched = library.inotify_add_watch(watch, path.encode(), IN_OPEN)
    except AttributeError:
        return None
    if watched >= 0:
        return int(watch)
    if watch >= 0:
        os.close(watch)
    return None


class Terminal:
    """The terminal's side of `in`: records of input and window sizes."""

    def __init__(self, master: int) -> None:
        self.master = master
        self.file = os.open("in", os.O_RDWR | os.O_NONBLOCK, dir_fd=FOLDER)
        self.received = bytearray()
        self.pending = bytearray()

    def turn(self) -> None:
        if len(self.pending) < READ_BYTES:
            with suppress(BlockingIOError):
                self.received += os.read(self.file, READ_BYTES)
        while len(self.received) >= INPUT_HEAD.size:
            kind, length = INPUT_HEAD.unpack_from(self.received)
            if len(self.received) < INPUT_HEAD.size + length:
                break
            payload = bytes(self.received[INPUT_HEAD.size : INPUT_HEAD.size + length])
            del self.received[: INPUT_HEAD.size + length]
            if kind == ord("d"):
                self.pending += payload
            elif kind == ord("w") and length == WINDOW.size:
                resize(self.master, *WINDOW.unpack(payload))
        if self.pending:
            with suppress(OSError):
                del self.pending[: os.write(self.master, self.pending)]


def resize(terminal: int, rows: int, columns: int) -> None:
    with suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("<4H", rows, columns, 0, 0))


def open_terminal(window: tuple[int, int]) -> tuple[int, int]:
    """Master and slave; no carriage returns in the log, and an echo as on any terminal."""
    master, slave = os.openpty()
    modes = termios.tcgetattr(slave)
    modes[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    resize(slave, *window)
    os.set_blocking(master, False)
    return master, slave


def run_script(launch: Launch, output: int, kept_input: KeptInput | None, report: int) -> NoReturn:
    """The forked child, up to execve. All signals are blocked when it begins."""
    stage = FORK
    try:
        signal.set_wakeup_fd(-1)
        os.setsid()
        write_process_slot(1, SCRIPT)
        # A copy of the lock must not outlive the pump while this waits for its input.
        os.close(STATUS)
        for number in GIVEN_SIGNALS:
            with suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if launch.open_files:
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(launch.open_files, hard), hard))
        stage = OPEN_STDIN
        if launch.flags & TTY:
            fcntl.ioctl(output, termios.TIOCSCTTY, 0)
            os.dup2(output, 0)
        elif kept_input:
            side = kept_input.script_side
            os.dup2(os.open("in", os.O_RDONLY, dir_fd=FOLDER) if side is None else side, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        stage = CHDIR
        os.chdir(launch.directory)
        stage = EXEC
        execute(launch.argv, launch.environment)
    except OSError as error:
        os.write(report, START_FAILURE.pack(stage, error.errno or errno.EINVAL))
    except BaseException:  # noqa: BLE001 - the pump hears of it; nothing may run on in the child
        os.write(report, START_FAILURE.pack(stage, errno.EINVAL))
    finally:
        os._exit(127)


def execute(argv: list[bytes], environment: dict[bytes, bytes]) -> NoReturn:
    """execvpe, with the script's own PATH; raises the OSError that says most."""
    name = argv[0]
    if b"/" in name:
        places = [name]
    else:
        path = environment.get(b"PATH", b"/bin:/usr/bin")
        places = [os.path.join(place or b".", name) for place in path.split(b":")]
    best = OSError(errno.ENOENT, "")
    for place in places:
        try:
            os.execve(place, argv, environment)
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                os.execve("/bin/sh", [b"sh", place, *argv[1:]], environment)
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                best = error
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
                break
    raise best


class Script:
    """The process that is watched, our child or (attached) somebody else's. `status` is its wait
    status once it is known; `is_over` says that it ended, known or not."""

    def __init__(self, pid: int, pidfd: int | None, report: int | None) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.report = report
        self.is_over = False
        self.status: int | None = None
        self.learn_until: float | None = None

    @property
    def is_child(self) -> bool:
        return self.report is not None

    @property
    def awaited(self) -> int | None:
        """The pidfd, while its becoming readable would be news."""
        return None if self.is_over or self.learn_until is not None else self.pidfd

    def start_failure(self) -> tuple[int, int] | None:
        if self.report is None:
            return None
        with suppress(BlockingIOError):
            data = os.read(self.report, START_FAILURE.size)
            if len(data) == START_FAILURE.size:
                return START_FAILURE.unpack(data)
        return None

    def look(self) -> None:
        """Notice the end of a script that is not our child, and learn its code in time."""
        if self.is_over or self.pidfd is None:
            return
        if not select.select([self.pidfd], [], [], 0)[0]:
            return
        if self.learn_until is None:
            self.learn_until = now() + LEARN_LIMIT
        self.status = zombie_status(self.pid)
        if self.status is None:
            self.status = buried_status(self.pidfd)
        self.is_over = self.status is not None or now() >= self.learn_until


def zombie_status(pid: int) -> int | None:
    """Field 52, which the kernel shows only to those who may trace the process (0 to others)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
        if os.geteuid() not in (0, os.stat(f"/proc/{pid}").st_uid):
            return None
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return int(fields[49]) if fields[0] == b"Z" else None


def buried_status(pidfd: int) -> int | None:
    """Linux ≥ 6.15 remembers the status of a reaped process for those who hold its pidfd."""
    try:
        info = fcntl.ioctl(pidfd, PIDFD_GET_INFO, PIDFD_INFO.pack(PIDFD_INFO_EXIT, *[0] * 13))
    except OSError:
        return None
    mask, *_, status = PIDFD_INFO.unpack(info)
    return status if mask & PIDFD_INFO_EXIT else None


class Sweep:
    """Stopping what outlived the script: TERM, a short grace, KILL; then who is left is named.

    First it only looks: a pipe ends a moment before its last writer has quite left."""

    def __init__(self, *, at_once: bool) -> None:
        self.ask_at = now() + SWEEP_LOOK
        self.kill_at = now() if at_once else self.ask_at + SWEEP_GRACE
        self.give_up_at = self.kill_at + SWEEP_LIMIT
        self.next_at = 0.0
        self.asked: dict[tuple[int, int], Process] = {}
        self.survivors: list[Process] = []

    def turn(self, living: list[Process]) -> bool:
        """True when it is over."""
        self.survivors = living
        if not living or now() >= self.give_up_at:
            return True
        kill = now() >= self.kill_at
        self.next_at = now() + SWEEP_PAUSE
        if now() < self.ask_at and not kill:
            return False
        for one in living:
            key = (one.pid, one.start_time)
            if kill:
                send(one, signal.SIGKILL)
            elif key not in self.asked:
                send(one, signal.SIGTERM, signal.SIGCONT)
            self.asked.setdefault(key, one)
        return False

    def in_words(self) -> str:
        left = {(one.pid, one.start_time) for one in self.survivors}
        gone = [one for key, one in self.asked.items() if key not in left]
        count = len(self.asked)
        text = f"{count} background process{'es' * (count > 1)}"
        if gone:
            text += ": " + ", ".join(map(str, gone))
        if self.survivors:
            text += "; not stopped: " + ", ".join(map(str, self.survivors))
        return text


class Pump:
    def __init__(self, execution_id: str, launch: Launch, script: Script, log: Log) -> None:
        self.execution_id = execution_id
        self.launch = launch
        self.script = script
        self.log = log
        self.writer: int | None = None
        self.terminal: Terminal | None = None
        self.kept_input: KeptInput | None = None
        self.wakeup = signal_pipe()
        self.why = BY_ITSELF
        self.deadline: float | None = None
        if launch.deadline:
            self.deadline = now() + launch.deadline / 1000 - time.time()
        self.kill_at: float | None = None
        self.is_killed = False
        self.is_urgent = False
        self.linger_until: float | None = None
        self.is_recorded = False
        self.flags = 0
        self.body: tuple[int, ...] = ()
        self.sweep: Sweep | None = None
        self.background_count = 0

    @property
    def is_stopping(self) -> bool:
        return self.kill_at is not None or self.is_killed

    def run(self) -> None:
        while not self.turn():
            self.wait()
        self.log.retry_at = 0.0
        self.finish()

    def turn(self) -> bool:
        """One look at everything; True when all is done."""
        self.read_signals()
        self.reap()
        self.log.turn()
        if self.terminal:
            self.terminal.turn()
        if self.kept_input:
            self.kept_input.turn()
        self.check_limits()
        if not self.script.is_over:
            return False
        if not self.is_recorded:
            self.record_exit()
        return self.end_output()

    # What happened

    def read_signals(self) -> None:
        with suppress(BlockingIOError):
            for number in os.read(self.wakeup, 512):
                if number == signal.SIGQUIT:
                    self.kill(ASKED)
                # A server that starts again asks again: that must not cut the grace.
                elif number == signal.SIGTERM and not self.is_stopping:
                    self.stop(ASKED)

    def reap(self) -> None:
        """Bury the script and every orphan that became our child."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                if self.script.is_child and pid == self.script.pid:
                    self.script.status = status
                    self.script.is_over = True
        self.script.look()

    def check_limits(self) -> None:
        at = now()
        if self.deadline is not None and at >= self.deadline:
            self.deadline = None
            if not self.is_stopping:
                self.stop(DEADLINE)
        if self.log.overflowed and not self.is_stopping and not self.script.is_over:
            self.stop(LOG_LIMIT)
        if self.kill_at is not None and at >= self.kill_at and not self.is_killed:
            self.is_killed = True
            self.signal_group(signal.SIGKILL)

    def stop(self, why: int) -> None:
        if not self.script.is_over:
            self.why = why
        self.kill_at = now() + self.launch.grace
        self.signal_group(signal.SIGTERM, signal.SIGCONT)

    def kill(self, why: int) -> None:
        if not self.script.is_over and not self.is_stopping:
            self.why = why
        self.is_killed = self.is_urgent = True
        self.signal_group(signal.SIGKILL)
        if self.sweep:
            self.sweep.kill_at = now()
            self.sweep.next_at = 0.0
        elif not self.script.is_over:
            for one in self.descendants():
                send(one, signal.SIGKILL)

    def signal_group(self, *signals: int) -> None:
        """While the script lives its number is its group's; afterwards the members are looked up,
        since the number could be somebody else's."""
        if not self.script.is_over:
            for number in signals:
                try:
                    os.killpg(self.script.pid, number)
                except ProcessLookupError:  # a child that has no group of its own yet
                    with suppress(ProcessLookupError):
                        os.kill(self.script.pid, number)
        else:
            for one in self.group_members():
                send(one, *signals)

    def group_members(self) -> list[Process]:
        return [one for one in self.descendants() if one.group == self.script.pid]

    def descendants(self) -> list[Process]:
        """Whom a sweep has to reach: a subreaper's descendants are all of them. One that came
        later knows them by the execution's id in their environment."""
        me = os.getpid()
        if self.script.is_child:
            return below([me])
        marked = [pid for pid in everybody() if pid != me and is_marked(pid, self.execution_id)]
        found = {one.pid: one for one in below(marked)}
        for one in map(process, marked):
            if one and one.state not in "ZX":
                found[one.pid] = one
        found.pop(me, None)
        return list(found.values())

    # The end

    def record_exit(self) -> None:
        """The code is safe from here on, whatever the output still brings."""
        self.is_recorded = True
        if not self.launch.flags & KEEP_BACKGROUND:
            self.linger_until = now() + LINGER
        if self.writer is not None:
            os.close(self.writer)
            self.writer = None
        self.log.is_over = False
        earlier = None if self.script.is_child else read_slot(2, EXIT)
        if earlier:
            *body, self.background_count, flags = EXIT_RECORD.unpack(earlier)
            self.flags = flags & ~(COMPLETE | CUT | SURVIVORS)
            self.body = tuple(body)
        else:
            self.body = self.exit_body()
        self.write_exit()

    def exit_body(self) -> tuple[int, ...]:
        code = number = 0
        failure = self.script.start_failure()
        if failure:
            self.why = COULD_NOT_START
            stage, code = failure
            self.flags |= stage << 8
        elif self.script.status is None:
            code = CODE_UNKNOWN
            self.flags |= UNKNOWN
        elif os.WIFSIGNALED(self.script.status):
            number = os.WTERMSIG(self.script.status)
        else:
            code = os.WEXITSTATUS(self.script.status)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (
            EXIT,
            code,
            number,
            self.why,
            time.time_ns() // 1_000_000,
            round(used.ru_utime * 1e6) if self.script.is_child else 0,
            round(used.ru_stime * 1e6) if self.script.is_child else 0,
            used.ru_maxrss if self.script.is_child else 0,
        )

    def write_exit(self) -> None:
        write_slot(2, EXIT_RECORD.pack(*self.body, self.background_count, self.flags))

    def end_output(self) -> bool:
        """True when nothing more can come and nobody is left to be stopped."""
        if self.sweep:
            if now() < self.sweep.next_at:
                return False
            return self.sweep.turn(self.descendants())
        if self.is_stopping:
            if not self.is_killed and self.group_members():
                return False
        elif self.log.is_over:
            if self.launch.flags & KEEP_BACKGROUND:
                return True
        elif self.linger_until is None or now() < self.linger_until or self.log.retry_at:
            return False  # on a full disk it is not somebody's printing that takes so long
        else:
            self.flags |= CUT
        self.sweep = Sweep(at_once=self.is_urgent)
        return self.sweep.turn(self.descendants())

    def finish(self) -> None:
        """Everybody who could write is gone, or was given up: what is in the pipe is the rest."""
        while not self.log.is_over:
            if self.log.retry_at:
                time.sleep(FULL_DISK_PAUSE)
            if not self.log.move() and not self.log.retry_at:
                break
        if self.sweep and self.sweep.asked:
            self.background_count = len(self.sweep.asked)
            write_background(self.sweep.in_words())
            if self.sweep.survivors:
                self.flags |= SURVIVORS
        self.reap()
        if self.script.is_child and self.body:
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            usage = round(used.ru_utime * 1e6), round(used.ru_stime * 1e6), used.ru_maxrss
            self.body = (*self.body[:5], *usage)
        self.flags |= COMPLETE
        self.write_exit()

    # Waiting

    def wait(self) -> None:
        poll = select.poll()
        poll.register(self.wakeup, select.POLLIN)
        if not self.log.is_over and not self.log.retry_at:
            poll.register(self.log.source, select.POLLIN)
        if (pidfd := self.script.awaited) is not None:
            poll.register(pidfd, select.POLLIN)
        if self.kept_input and self.kept_input.watch is not None:
            poll.register(self.kept_input.watch, select.POLLIN)
        if self.terminal:
            if len(self.terminal.pending) < READ_BYTES:
                poll.register(self.terminal.file, select.POLLIN)
            if self.terminal.pending:
                poll.register(self.log.source, select.POLLIN | select.POLLOUT)
        poll.poll(self.pause())

    def pause(self) -> float | None:
        """Milliseconds to the next thing that time alone brings."""
        at = now()
        due = [self.deadline, self.log.retry_at or None]
        if self.script.learn_until is not None and not self.script.is_over:
            due.append(at + SWEEP_PAUSE)
        if not self.is_killed:
            due.append(self.kill_at)
        if self.sweep:
            due.append(self.sweep.next_at)
        elif self.script.is_over and not self.log.retry_at:
            due.append(at + SWEEP_PAUSE if self.is_stopping else self.linger_until)
        times = [one for one in due if one is not None]
        if not times:
            return None
        return max(0.0, min(*times, at + LONGEST_WAIT) - at) * 1000 + 1


def is_marked(pid: int, execution_id: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"STEPFLOW_EXECUTION_ID={execution_id}".encode() in file.read().split(b"\0")
    except OSError:
        return False


def signal_pipe() -> int:
    """A descriptor from which the numbers of arrived signals are read."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    # The server blocked them for us: a stop may come before anybody could take it.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return read


def settle() -> None:
    """Become what the server expects: alone, subreaper, known by name."""
    for descriptor in (STATUS, FOLDER, BLOCK):
        os.set_inheritable(descriptor, False)
    os.closerange(FIRST_OTHER, os.sysconf("SC_OPEN_MAX"))
    try:
        fcntl.flock(STATUS, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(3)  # somebody else's descriptor holds it: two pumps would tear the log
    write_process_slot(0, PUMP)
    os.chdir("/")
    with suppress(OSError), open("/proc/self/comm", "w") as file:
        file.write("stepflow-pump")
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def could_not_start(stage: int, number: int) -> None:
    stamp = time.time_ns() // 1_000_000
    flags = COMPLETE | stage << 8
    write_slot(2, EXIT_RECORD.pack(EXIT, number, 0, COULD_NOT_START, stamp, 0, 0, 0, 0, flags))


def started(execution_id: str, launch: Launch) -> Pump:
    terminal = bool(launch.flags & TTY)
    if terminal:
        source, writer = open_terminal(launch.window)
    else:
        source = os.open("out", os.O_RDONLY | os.O_NONBLOCK, dir_fd=FOLDER)
        writer = os.open("out", os.O_RDWR, dir_fd=FOLDER)
    log = Log(source, launch.max_log_bytes, can_splice=not terminal)
    kept_input = KeptInput() if launch.flags & STDIN and not terminal else None
    report, child_report = os.pipe()
    os.set_blocking(report, False)
    # Until the child has its own; the pump's are unblocked when it can take them.
    signal.pthread_sigmask(signal.SIG_SETMASK, GIVEN_SIGNALS)
    pid = os.fork()
    if not pid:
        run_script(launch, writer, kept_input, child_report)
    os.close(child_report)
    pump = Pump(execution_id, launch, Script(pid, None, report), log)
    pump.writer = writer
    if kept_input:
        kept_input.close_script_side()
        pump.kept_input = kept_input
    if terminal:
        pump.terminal = Terminal(source)
    return pump


def attached(execution_id: str, launch: Launch) -> Pump:
    source = os.open("out", os.O_RDONLY | os.O_NONBLOCK, dir_fd=FOLDER)
    script = Script(*running_script(), None)
    script.is_over = script.pidfd is None
    return Pump(execution_id, launch, script, Log(source, launch.max_log_bytes, can_splice=True))


def running_script() -> tuple[int, int | None]:
    """Pid and pidfd of the script that the status speaks of; without pidfd if it is gone."""
    body = read_slot(1, SCRIPT)
    if body is None:
        return 0, None
    _, pid, started_at, boot, namespace, _ = PROCESS.unpack(body)
    if boot != this_boot() or namespace != os.stat("/proc/self/ns/pid").st_ino:
        return 0, None
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return 0, None
    if start_time(pid) != started_at:
        os.close(pidfd)
        return 0, None
    return pid, pidfd


def main(arguments: list[str]) -> None:
    settle()
    launch = read_launch()
    if arguments[0] == "--attach":
        attached(arguments[1], launch).run()
        return
    try:
        pump = started(arguments[0], launch)
    except OSError as error:
        could_not_start(FORK, error.errno or errno.EINVAL)
        return
    pump.run()


if __name__ == "__main__":
    main(sys.argv[1:])
