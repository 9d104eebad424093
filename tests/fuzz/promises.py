"""What the parser promises for any bytes, whatever the dialects, the pieces and the restarts.

The property tests draw their logs from a list of words; the fuzzer looks for its own.
"""

import random
from collections.abc import Iterable

import msgspec

from fuzz.words import OPTIONS, WORDS
from stepflow.events import AnyEvent, Log, StepEnd, StepStart
from stepflow.markers import Marker, Pipeline, Scanner, Text
from stepflow.markers.dialects import DIALECTS
from stepflow.markers.pipeline import log_text
from stepflow.model import Section
from stepflow.timeline import Parser, ParserOptions

SECTIONS = [Section("^=+ ([^=é]*) =+$", "^=+$"), Section(r"\bb\b", "a.*b")]
_NAMES = [dialect.name for dialect in DIALECTS]


class Case(msgspec.Struct, frozen=True):
    log: bytes
    options: ParserOptions
    exit_code: int
    seed: int


def case_of(data: bytes) -> Case:
    """An input of the fuzzer: four bytes of circumstances, then bytes or numbers of words."""
    switches, dialects, exit_code, seed, *rest = data.ljust(4, b"\0")
    log = bytes(rest)
    if switches & 1:
        log = b"".join(WORDS[byte] if byte < len(WORDS) else bytes([byte]) for byte in rest)
    options = msgspec.structs.replace(
        OPTIONS,
        nesting="flat" if switches & 2 else "auto",
        tap="on" if switches & 4 else "off" if switches & 8 else "auto",
        dialects=[name for n, name in enumerate(_NAMES) if n % 8 != dialects % 8]
        if dialects & 8
        else "auto",
        sections=SECTIONS if dialects & 16 else [],
        **dict.fromkeys(("buildkite", "buildkit", "sd_daemon", "systemd"), bool(switches & 16)),
    )
    return Case(log, options, exit_code % 3, seed)


def check(case: Case) -> None:
    """Raise for a promise that is not kept."""
    whole = told([case.log], case)
    assert told(_pieces(case), case) == whole, "pieces"
    assert _restarted(case) == whole, "restarts"
    replayed = told([case.log], case, with_lines=True)
    assert without_logs(replayed) == whole, "replay"
    assert told(_pieces(case), case, with_lines=True) == replayed, "pieces of a replay"
    assert told([case.log], case, is_accelerated=False) == whole, "scanned without the wheel"
    started = [event.index for event in whole if isinstance(event, StepStart)]
    ended = [event.index for event in whole if isinstance(event, StepEnd)]
    assert sorted(ended) == started == list(range(len(started))), "ends"
    assert missed_lines(case.log, case.options) == [], "scan"


def told(
    chunks: Iterable[bytes],
    case: Case,
    *,
    with_lines: bool = False,
    is_accelerated: bool | None = None,
) -> list[AnyEvent]:
    parser = Parser(case.options, with_lines=with_lines, is_accelerated=is_accelerated)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.finish(case.exit_code)


def without_logs(events: list[AnyEvent]) -> list[AnyEvent]:
    return [event for event in events if not isinstance(event, Log)]


def missed_lines(log: bytes, options: ParserOptions) -> list[bytes]:
    """Lines that say something, and that the scan passes over. A replay (`with_lines`) also has to
    find those that are only shown differently."""
    region = b"\n" + log + b"\n"
    lines = log.split(b"\n")
    missed = []
    for with_lines in (True, False):
        wanted = [n for n, line in enumerate(lines) if _is_wanted(line, options, with_lines)]
        for is_accelerated in (True, False):
            scanner = Scanner(
                options.chosen_dialects(), is_accelerated=is_accelerated, with_lines=with_lines
            )
            found = {region.count(b"\n", 1, at) for at in scanner.positions(region)}
            missed += [lines[number] for number in wanted if number not in found]
    return missed


def _is_wanted(line: bytes, options: ParserOptions, with_lines: bool) -> bool:
    said: list[Marker] = []

    def accept(_dialect: str, marker: Marker) -> bool:
        said.append(marker)
        return True

    pipeline = Pipeline(options.chosen_dialects())
    if pipeline.reads_every_line:
        return False
    pipeline.read(line, accept)
    if pipeline.reads_every_line or not all(isinstance(marker, Text) for marker in said):
        return True
    return with_lines and said != [Text(text=log_text(line))]


def _pieces(case: Case) -> list[bytes]:
    chance = random.Random(case.seed)
    pieces, start = [], 0
    while start < len(case.log):
        size = 1 if case.seed < 16 else chance.choice((1, 2, 3, 7, 40, 200))
        pieces.append(case.log[start : start + size])
        start += size
    return pieces


def _restarted(case: Case) -> list[AnyEvent]:
    """The events of a server that is replaced in the middle of lines, again and again."""
    events: list[AnyEvent] = []
    state = None
    for piece in _pieces(case):
        parser = Parser(case.options, state=state)
        events += parser.feed(piece)
        state = parser.state()
    parser = Parser(case.options, state=state)
    return events + parser.finish(case.exit_code)
