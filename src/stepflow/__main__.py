"""The `stepflow` program. It parses under Python 3.8, so that an old one can say what it needs."""

import sys


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python gets words, not a traceback
        found = ".".join(map(str, sys.version_info[:2]))
        sys.stderr.write(f"stepflow needs 3.11 or newer; this is Python {found}\n")
        return 1
    if sys.platform == "win32":
        sys.stderr.write("stepflow does not run on native Windows: use WSL2\n")
        return 1
    from stepflow.cli import main as command_line  # noqa: PLC0415 - the checks above come first

    return command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
