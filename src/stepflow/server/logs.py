"""The server's own log: plain lines to stderr and to `logs/stepflow.log`, 10 files of 10 MB."""

import logging
import logging.handlers
import sys
from pathlib import Path

import structlog

from stepflow.server.storage import explained

FILE_BYTES = 10_000_000
FILES = 10
_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
]


def start_logging(level: str, file: Path | None) -> None:
    """Send everything, other libraries' lines too, to stderr and to `file`. StorageUnusable."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _as_line,
        ],
    )
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if file is not None:
        handlers.append(_rotating(file))
    # A full disk takes the lines that don't fit; a traceback for each on stderr helps nobody.
    logging.raiseExceptions = False
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    root.setLevel(level)
    for chatty in ("asyncio", "websockets", "alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


def _rotating(file: Path) -> logging.Handler:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return logging.handlers.RotatingFileHandler(
            file, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8"
        )
    except OSError as error:
        raise explained(file.parent, error) from error


def _as_line(_: object, __: str, facts: structlog.typing.EventDict) -> str:
    """`time LEVEL message key=value… [logger]`, the message last where it ends in a number."""
    at, level = facts.pop("timestamp"), str(facts.pop("level")).upper()
    message, name = str(facts.pop("event")), facts.pop("logger", "")
    trace = facts.pop("exception", "")
    pairs = "".join(f" {key}={value}" for key, value in facts.items())
    line = f"{at} {level} {name}: {message}{pairs}"
    return f"{line}\n{trace}" if trace else line
