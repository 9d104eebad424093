"""The command line: finds the command, runs it, and turns errors into one line and an exit code.

Nothing is imported before it is needed: `stepflow --help` costs little more than Python itself,
and `stepflow run` stays close to the bare command.
"""

import sys
from importlib import import_module
from typing import Protocol

from stepflow.cli.arguments import Arguments, Options, nearest
from stepflow.errors import InvalidRequest, StepflowError

GROUPS: dict[str, dict[str, str]] = {
    "Run and watch": {
        "run": "Run a command and watch its steps",
        "logs": "Print an execution's output",
        "wait": "Wait until executions have ended",
        "cancel": "Stop a running execution",
        "rerun": "Run an execution's command again",
    },
    "In scripts": {
        "step": "Run a command as a step of the script that calls it",
    },
    "Look back": {
        "ls": "List executions, newest first",
        "show": "Show an execution: steps, artifacts, remarks, outcome",
        "artifacts": "List or fetch an execution's artifacts",
        "pin": "Keep executions from every rule of retention",
        "unpin": "Let the rules of retention have executions again",
        "delete": "Delete a finished execution with its log and artifacts",
        "parse": "Print the events that a saved log holds, as JSON lines",
    },
    "The server": {
        "serve": "Run the server: page, API, WebSocket",
        "restart": "Replace the running server in place, with new code and settings",
        "backup": "Back up the storage folder, list and check backups",
        "prune": "Remove what the rules of retention say, or show it",
        "migrate": "Take over the storage folder of the original program",
        "rollback": "Give the storage folder back to the original program",
        "config": "Show the settings in effect and where each came from",
        "verify": "Check database, logs and artifacts, and repair what is safe",
        "doctor": "Check that this machine and its server are fit",
    },
}
COMMANDS = {name: summary for group in GROUPS.values() for name, summary in group.items()}


class Command(Protocol):
    """What each module of this package, named as its command, offers."""

    def arguments(self, parser: Arguments) -> None: ...

    def main(self, options: Options) -> int: ...


def command(name: str) -> Command:
    found: Command = import_module(f"stepflow.cli.{name}")
    return found


def parser_of(name: str) -> Arguments:
    parser = Arguments(f"stepflow {name}", COMMANDS[name])
    command(name).arguments(parser)
    return parser


def main(argv: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(argv)
        if sys.stdout is not None:
            sys.stdout.flush()
    except StepflowError as error:
        where = f" {argv[0]}" if argv and argv[0] in COMMANDS else ""
        print(f"stepflow{where}: {error.detail}", file=sys.stderr)  # noqa: T201 - the user's one line
        return error.exit_code
    except BrokenPipeError:
        return _reader_gone()
    except KeyboardInterrupt:
        return 130
    return code


def _run(argv: list[str]) -> int:
    name = argv[0] if argv else "--help"
    if name == "help" and len(argv) > 1:
        name, argv = argv[1], [argv[1], "--help"]
    if name in ("--help", "-h", "help"):
        sys.stdout.write(overview())
        return 0
    if name in ("--version", "-V"):
        from stepflow import __version__

        sys.stdout.write(f"stepflow {__version__}\n")
        return 0
    if name not in COMMANDS:
        kind = "option" if name.startswith("-") else "command"
        hint = nearest(name, COMMANDS)
        raise InvalidRequest(f"there is no {kind} {name!r}{hint}; see stepflow --help")
    parser = parser_of(name)
    if "--help" in argv[1:2] or "-h" in argv[1:2]:
        sys.stdout.write(parser.format_help())
        return 0
    return command(name).main(parser.options(argv[1:]))


def overview() -> str:
    lines = [
        "StepFlow Monitor: see any script the way a CI shows a build.",
        "",
        "Usage: stepflow COMMAND [options]      stepflow COMMAND --help explains one",
    ]
    for title, commands in GROUPS.items():
        lines += ["", title]
        lines += [f"  {name:<10} {summary}" for name, summary in commands.items()]
    lines += ["", "An execution is named by its id, a unique beginning of it, or `last`.", ""]
    return "\n".join(lines)


def _reader_gone() -> int:
    import os

    # Python flushes stdout once more at its end, and would complain there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 141
