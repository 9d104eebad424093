"""From what a user calls a command to an argument list."""

import re
import shlex

_PLAIN = re.compile(r"[A-Za-z0-9_@%+,./:=\- \t]+")
_SHELL_WORDS = frozenset(
    """. : alias bg break case cd command continue do done elif else eval exec exit export fc fg fi
    for function getopts hash if in jobs local read readonly return select set shift source then
    time times trap type ulimit umask unalias unset until wait while""".split()  # noqa: SIM905 (a list of words reads as one)
)


def argv_of(command: str | list[str]) -> list[str]:
    """The arguments to execute: a list as it is, a string by `/bin/sh -c`.

    A string that means the same without a shell is executed directly: one process less, and an
    unknown program is a failure to start instead of a line in the log.
    """
    if isinstance(command, list):
        return command
    words = shlex.split(command) if _PLAIN.fullmatch(command) else []
    if not words or words[0] in _SHELL_WORDS or "=" in words[0]:
        return ["/bin/sh", "-c", command]
    return words
