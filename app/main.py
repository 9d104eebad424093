"""The server as the deployment guide starts it: `PYTHONPATH=. python3 app/main.py`.

The level on the line below is the least one that is logged; STEPFLOW_LOG_LEVEL comes first.
It parses under Python 3.8, so that an old one can say what it needs.
"""

import json
import logging
import os
import sys

LEVEL = logging.INFO


def main():
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python gets words, not a traceback
        found = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"StepFlow Monitor needs 3.11 or newer; this is Python {found}")
    if sys.platform == "win32":
        sys.exit("StepFlow Monitor does not run on native Windows: use WSL2")
    try:
        from stepflow.cli import main as command_line  # noqa: PLC0415 - the checks come first
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed: pip install -r requirements.txt")
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - as old Pythons parse it
    from app.core.persistence import PRODUCTION_SQLITE_CONFIG  # noqa: PLC0415 - the same

    warn_of_nested_copies()
    level = logging.getLevelName(LEVEL)
    # The level that was always there leaves the word to `.env`.
    if level != "INFO" and not os.environ.get("STEPFLOW_LOG_LEVEL"):
        os.environ["STEPFLOW_LOG_LEVEL"] = level
    pragmas = json.dumps(PRODUCTION_SQLITE_CONFIG)
    sys.exit(command_line(["serve", "--pragmas", pragmas, *sys.argv[1:]]))


def warn_of_nested_copies():
    """`cp -r backups/…/app_backup/ app/` puts the copy inside the folder that is there, and what
    runs stays what it was."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - as above
    for name in ("app", "app_backup"):
        nested = os.path.join(here, name)  # noqa: PTH118 - as above
        if os.path.isfile(os.path.join(nested, "main.py")):  # noqa: PTH113, PTH118 - as above
            sys.stderr.write(
                "app/%s is a copy inside app/, which is not used: to put it back type"  # noqa: UP031 - as above
                " cp -r app/%s/. app/ && rm -r app/%s\n" % (name, name, name)
            )


if __name__ == "__main__":
    main()
