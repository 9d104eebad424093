"""`stepflow run`: hands a command to the folder's server and watches it.

The script belongs to the server, never to this process: Ctrl-Z, a closed terminal or kill -9 of
the viewer touch nothing.
"""

import os
import signal
import sys
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

from stepflow.cli import connection, standard_input
from stepflow.cli.arguments import Arguments, Options, key_value, names, seconds, size_bytes
from stepflow.cli.client import Client, Json, segment
from stepflow.cli.follow import Follower, Screen, signals
from stepflow.cli.outcome import exit_code
from stepflow.cli.view import FINAL
from stepflow.errors import InvalidRequest

if TYPE_CHECKING:
    from threading import Thread

_PIPE_CLOSED = 141
_LOOK_SECONDS = 0.2


def arguments(parser: Arguments) -> None:
    parser.usage = "stepflow run [options] [--] COMMAND [ARGUMENT…]"
    what = parser.add_argument_group("the execution")
    what.add_argument("--name", help="what to call it (default: the command)")
    what.add_argument("--tag", action="append", default=[], metavar="TAG", help="may be repeated")
    what.add_argument("--user", help="who it is for (default: you)")
    what.add_argument("--timeout", type=seconds, metavar="TIME", help="stop it after 90, 5m, 1h30m")
    what.add_argument(
        "--grace", type=seconds, metavar="TIME", help="from SIGTERM to SIGKILL (default: 10s)"
    )
    what.add_argument("--cwd", metavar="DIR", help="where it runs (default: here)")
    what.add_argument(
        "--env", action="append", default=[], type=key_value, metavar="K=V", help="add a variable"
    )
    what.add_argument(
        "--secret",
        action="append",
        default=[],
        type=key_value,
        metavar="K=V",
        help="add a variable whose value is masked wherever it is printed",
    )
    what.add_argument(
        "--max-log-bytes", type=size_bytes, metavar="SIZE", help="stop it beyond 10MB, 2GiB"
    )
    what.add_argument(
        "--keep-background",
        action="store_true",
        help="leave processes alone that the script left running",
    )
    read = parser.add_argument_group("how its output is read")
    read.add_argument(
        "--dialects",
        type=names,
        metavar="NAMES",
        help="marker languages: auto, none, or names with commas, such as auto,tap",
    )
    read.add_argument(
        "--emulate",
        type=_ci_names,
        default=[],
        metavar="CI",
        help=f"let it believe in {', '.join(_CIS[:-1])} or {_CIS[-1]}",
    )
    read.add_argument(
        "--section",
        nargs="+",
        action="append",
        default=[],
        metavar=("START END", "TITLE"),
        help="a section of your own: two regular expressions, and the title's group",
    )
    read.add_argument("--trace", choices=["bash"], help="each command of a bash script is a step")
    how = parser.add_argument_group("how it is watched")
    how.add_argument("-t", "--tty", action="store_true", help="give the script a terminal")
    how.add_argument("-d", "--detach", action="store_true", help="print the id and leave")
    how.add_argument("--json", action="store_true", help="print each event as a line of JSON")
    parser.add_place()
    parser.add_argument("command", nargs=_REMAINDER, metavar="COMMAND", help="with its arguments")
    parser.epilog = (
        "The exit code is the script's own; 128 + n for a script killed by signal n, 124 for a\n"
        "timeout, 127 and 126 for a command that is not there or can't be executed, 130 for a\n"
        "cancelled one, 125 when nobody knows. Piped input reaches the script. Ctrl-C asks it to\n"
        "stop, a second one kills it, a third one leaves it running."
    )


_REMAINDER = "..."
_CIS = ("github", "azure", "gitlab", "teamcity", "buildkite")


def _ci_names(text: str) -> list[str]:
    found = names(text)
    for name in found:
        if name not in _CIS:
            raise ArgumentTypeError(f"{name!r} is none of {', '.join(_CIS)}")
    return found


def main(options: Options) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise InvalidRequest("no command given: stepflow run -- COMMAND")
    client = connection.client(options)
    piped = standard_input.is_piped()
    wanted = wanted_execution(options, command, client.is_local, piped)
    answer = connection.create(client, wanted)
    path = f"/api/executions/{segment(answer['id'])}"
    sending = _send_input(client, path, answer) if wanted["stdin"] else None
    if options.detach:
        print_id(answer, as_json=options.json)
        while sending is not None and sending.is_alive() and not _is_over(client, path):
            sending.join(_LOOK_SECONDS)  # there is nobody to copy it later
        return 0
    return watch(client, path, screen_for(client, path, options), is_tty=options.tty)


def wanted_execution(options: Options, command: list[str], is_local: bool, piped: bool) -> Json:
    """The body of the request. A server elsewhere knows neither our folders nor our variables."""
    for word in command:
        _as_text(word, "the command")
    wanted: dict[str, Any] = {
        "command": command,
        "name": options.name,
        "tags": options.tag,
        "user": options.user or _user(),
        "timeout": options.timeout,
        "grace": options.grace,
        "max_log_bytes": options.max_log_bytes,
        "keep_background": options.keep_background,
        "secret_environment": dict(options.secret),
        "environment": dict(options.env),
        "dialects": _dialects(options.dialects),
        "emulate": options.emulate,
        "sections": [_section(one) for one in options.section],
        "trace": options.trace,
        "working_directory": options.cwd,
        "tty": options.tty,
        "stdin": piped and not options.tty,
    }
    if is_local:
        wanted["working_directory"] = str(_here(options.cwd))
        wanted["caller_environment"] = _environment()
    if options.tty and sys.stdout.isatty():
        columns, rows = os.get_terminal_size(1)
        wanted["window"] = [rows, columns]
    return {key: value for key, value in wanted.items() if value is not None}


def _dialects(given: list[str] | None) -> list[str] | str | None:
    return given[0] if given in (["auto"], ["none"]) else given


def _section(words: list[str]) -> Json:
    if not 2 <= len(words) <= 3:
        raise InvalidRequest(
            "--section takes START END, or START END TITLE: two regular expressions and a group"
        )
    section: dict[str, Any] = dict(zip(("start", "end", "title"), words, strict=False))
    if section.get("title", "").isdigit():
        section["title"] = int(section["title"])
    return section


def _here(folder: str | None) -> str:
    try:
        return os.path.abspath(folder or os.getcwd())  # noqa: PTH100, PTH109 - pathlib is not needed
    except FileNotFoundError:
        raise InvalidRequest("the current directory was deleted: cd, or give --cwd") from None


def _environment() -> dict[str, str]:
    """Ours, less what speaks to StepFlow itself and what is no text."""
    kept = {}
    for name, value in os.environ.items():
        if name.startswith(("STEPFLOW_", "_STEPFLOW_")):
            continue
        try:
            _as_text(name + value, name)
        except InvalidRequest:
            sys.stderr.write(f"stepflow: {name!r} is not UTF-8 and is left out\n")
            continue
        kept[name] = value
    return kept


def _as_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{what} holds {text!r}, which is not UTF-8") from None


def _user() -> str | None:
    return os.environ.get("USER") or os.environ.get("LOGNAME")


def _send_input(client: Client, path: str, answer: Json) -> "Thread":
    if client.is_local and answer.get("input"):
        return standard_input.copy_to_fifo(answer["input"])
    return standard_input.send(client, path)


def _is_over(client: Client, path: str) -> bool:
    return client.ask("GET", path)["execution"]["status"] in FINAL


def screen_for(client: Client, path: str, options: Options) -> Screen:
    from stepflow.cli import screen

    if options.json:
        return screen.JsonLines()
    if getattr(options, "tty", False):
        return screen.RawTerminal()
    if not (sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"):
        return screen.Bytes()
    from stepflow.cli.stage import Stage

    def last_lines(step: Json, count: int) -> list[str]:
        page = client.ask("GET", f"{path}/logs", step=step["index"], tail=count + 1)
        ends = {step["first_line"]}
        if step["reason"] is None:  # closed by a marker of its own, which the error text repeats
            ends.add(step["last_line"])
        return [line["text"] for line in page["lines"] if line["line"] not in ends][-count:]

    return Stage(last_lines)


def watch(client: Client, path: str, screen: Screen, *, is_tty: bool = False) -> int:
    """Follow it to its end; the exit code is the script's."""
    follower = Follower(client, path, screen, connection.reviver(client))
    heard = [signal.SIGINT, signal.SIGTSTP]
    if is_tty:
        heard = [signal.SIGINT, signal.SIGWINCH]
        standard_input.type_into(follower.messages)
    try:
        with signals(follower.messages, *heard):
            return exit_code(follower.follow())
    except BrokenPipeError:
        sys.stderr.write(f"stepflow run: stdout was closed; {follower.how_to_return()}\n")
        return _PIPE_CLOSED
    finally:
        screen.pause()


def print_id(answer: Json, *, as_json: bool) -> None:
    import json

    sys.stdout.write((json.dumps(answer) if as_json else answer["id"]) + "\n")
