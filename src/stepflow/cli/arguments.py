"""Options of the command line: argparse, with errors of one line that name the nearest option.

argparse and not typer: it costs 9 ms of start-up instead of 100.
"""

import argparse
from collections.abc import Iterable
from typing import NoReturn

from stepflow.errors import InvalidRequest

Options = argparse.Namespace

_UNITS_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS_BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class Arguments(argparse.ArgumentParser):
    def __init__(self, prog: str, summary: str) -> None:
        super().__init__(
            prog=prog,
            description=f"{summary}.",
            allow_abbrev=False,
            add_help=False,
            formatter_class=_Formatter,
        )
        self.add_argument("-h", "--help", action=_Help, nargs=0, help="show this")

    def options(self, argv: list[str]) -> Options:
        takes_a_command = any(action.nargs == argparse.REMAINDER for action in self._actions)
        parse = self.parse_known_args if takes_a_command else self.parse_known_intermixed_args
        known, unknown = parse(argv)
        if unknown:
            self._refuse(unknown[0])
        return known

    def error(self, message: str) -> NoReturn:
        raise InvalidRequest(f"{message}; see {self.prog} --help")

    def _refuse(self, argument: str) -> NoReturn:
        if argument.startswith("-"):
            name = argument.split("=", maxsplit=1)[0]
            hint = nearest(name, self._option_string_actions)
            self.error(f"there is no option {name}{hint}")
        self.error(f"one argument too many: {argument!r}")

    def add_place(self) -> None:
        """The options that say which server is meant."""
        place = self.add_argument_group("which server")
        place.add_argument("--storage-path", metavar="DIR", help="the storage folder of the server")
        place.add_argument("--url", metavar="URL", help="a server elsewhere (STEPFLOW_URL)")

    def add_json(self, what: str) -> None:
        self.add_argument("--json", action="store_true", help=f"print {what} as JSON")

    def add_execution(self) -> None:
        self.add_argument(
            "execution", metavar="ID", help="an id, a unique beginning of one, or last"
        )


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.print_help()
        raise SystemExit(0)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=96)

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, prefix or "Usage: ")


def nearest(name: str, known: Iterable[str]) -> str:
    """`, did you mean …?`, or nothing when nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), 1, 0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def seconds(text: str) -> float:
    """`90`, `90s`, `1.5h`, `1h30m`, `250ms` as seconds."""
    total, number, unit = 0.0, "", ""
    rest = text.strip().lower()
    while rest:
        number = _leading(rest, "0123456789.")
        rest = rest[len(number) :]
        unit = _leading(rest, "abcdefghijklmnopqrstuvwxyz")
        rest = rest[len(unit) :].lstrip()
        if unit not in _UNITS_SECONDS and (unit or total):
            raise argparse.ArgumentTypeError(f"{text!r} is no duration like 90, 30s, 5m, 1h30m")
        try:
            total += float(number) * _UNITS_SECONDS.get(unit, 1)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no duration like 90, 30s, 5m, 1h30m"
            ) from None
    if total <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration above zero")
    return total


def size_bytes(text: str) -> int:
    """`1000`, `64K`, `1.5GB`, `2GiB` as bytes."""
    number = _leading(text.strip(), "0123456789.")
    unit = text.strip()[len(number) :].strip().upper()
    base = _UNITS_BYTES.get(unit.removesuffix("IB").removesuffix("B"))
    if base is None or not number or number.count(".") > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no size like 1000, 64K, 10MB, 2GiB")
    if unit.endswith("IB"):
        base = 1024 ** (len(str(base)) // 3)
    return int(float(number) * base)


def key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return key, value


def names(text: str) -> list[str]:
    """`a,b` as a list."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError("no name given")
    return found


def _leading(text: str, characters: str) -> str:
    return text[: len(text) - len(text.lstrip(characters))]
