"""`stepflow step`: a command as a step of the script that calls it; no server is asked.

The command has our stdin, stdout and terminal, and we end as it ended, by its signal too. The
markers go to where the script's output goes, and not into a file that the command writes.
"""

import errno
import os
import resource
import signal
import stat
import sys

from stepflow import script
from stepflow.cli.arguments import Arguments, Options
from stepflow.errors import InvalidRequest

_REMAINDER = "..."
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
# Ours to wait for; the terminal sends its own to the command as well.
_HEARD = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_SENT_BY_A_PROCESS = 0


def arguments(parser: Arguments) -> None:
    parser.usage = "stepflow step NAME [options] -- COMMAND [ARGUMENT…]"
    _add_options(parser)
    parser.add_argument("name", metavar="NAME", help="of the step")
    parser.add_argument("command", nargs=_REMAINDER, metavar="COMMAND", help="with its arguments")
    parser.epilog = (
        "The exit code is the command's own. A step that the command begins itself, with\n"
        "`stepflow step` or `stepflow.script`, lies inside."
    )


def _add_options(parser: Arguments) -> None:
    parser.add_argument("--id", help="for steps side by side: the others may go on")
    parser.add_argument(
        "--parent", metavar="STEP", help="the step (its id or name) that this one lies in"
    )
    parser.add_argument("--description", metavar="TEXT", help="shown with the step")
    parser.add_argument(
        "--stop-on-error", action="store_true", help="if it fails, the script is stopped"
    )


def main(options: Options) -> int:
    command = _command(options)
    if not options.name or not command:
        missing = "command" if options.name else "name"
        raise InvalidRequest(f"no {missing} given: stepflow step NAME -- COMMAND")
    # Written at once, before and behind what the command writes to the same place.
    sys.stdout = open(_output(), "w", closefd=False, errors="backslashreplace")  # noqa: SIM115 - a descriptor
    stops: dict[str, bool] = {"stop_on_error": True} if options.stop_on_error else {}
    step = script.step(
        options.name,
        id=options.id,
        parent=options.parent,
        description=options.description,
        **stops,
    ).begin()
    code = _run(command, {**os.environ, script.OUTER: step.reference}, step)
    if code < 0:
        _die_of(-code)
    return code


def _command(options: Options) -> list[str]:
    """What is behind `--`; options may stand on either side of the name."""
    words: list[str] = options.command
    if words[:1] != ["--"] and words[:1] and words[0].startswith("-") and "--" in words:
        late = Arguments("stepflow step", "")
        _add_options(late)
        late.parse_args(words[: words.index("--")], namespace=options)
        words = words[words.index("--") :]
    return words[1:] if words[:1] == ["--"] else words


def _output() -> int:
    """Standard output; but under a watcher who reads both, standard error, since
    `stepflow step dump -- pg_dump > dump.sql` wants a clean file."""
    if script.WATCHED not in os.environ:
        return 1
    return 2 if os.isatty(2) or stat.S_ISFIFO(os.fstat(2).st_mode) else 1


def _run(command: list[str], environment: dict[str, str], step: script.step) -> int:
    """The exit code, or minus the signal that killed it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # who ignores it never hears of an end
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {*_HEARD, signal.SIGCHLD})
    try:
        # Python ignores two signals that programs count on.
        default = (signal.SIGPIPE, signal.SIGXFSZ)
        child = os.posix_spawnp(command[0], command, environment, setsigmask=old, setsigdef=default)
    except OSError as error:
        is_missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        step.fail(f"{command[0]}: {error.strerror}")
        return _NOT_FOUND if is_missing else _NOT_EXECUTABLE
    code = _wait_for(child)
    if code == 0:
        step.complete()
    elif code > 0:
        step.fail(f"exit code {code}")
    else:
        step.fail(f"killed by {signal.Signals(-code).name}")
    return code


def _wait_for(child: int) -> int:
    while True:
        heard = signal.sigwaitinfo({*_HEARD, signal.SIGCHLD})
        if heard.si_signo != signal.SIGCHLD:
            if heard.si_code <= _SENT_BY_A_PROCESS:
                os.kill(child, heard.si_signo)
            continue
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)


def _die_of(number: int) -> None:
    """A shell looks at how we ended: Ctrl-C in a loop ends the loop only if it killed us."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
