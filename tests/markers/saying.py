"""What a log says to the parser with given options, in short."""

from typing import Any

from stepflow.events import as_json
from stepflow.timeline import Parser, ParserOptions


def events(log: str, exit_code: int | None = None, **options: Any) -> list[dict[str, Any]]:
    parser = Parser(ParserOptions(**options), with_lines=True)
    told = parser.feed(log.encode("utf-8", "surrogateescape"))
    told += parser.flush() if exit_code is None else parser.finish(exit_code)
    return [{k: v for k, v in as_json(e).items() if k not in ("log_line", "index")} for e in told]


def short(log: str, exit_code: int | None = None, **options: Any) -> list[str]:
    """+start(parent) -end:status/reason !diagnostic, and other events as `name text`."""
    return [_short(event) for event in events(log, exit_code, **options)]


def _short(e: dict[str, Any]) -> str:
    match e["event"]:
        case "step_start":
            return f"+{e['name']}" + (f"({e['parent']})" if "parent" in e else "")
        case "step_end":
            return f"-{e['name']}:{e['status']}" + (f"/{e['reason']}" if "reason" in e else "")
        case "warning":
            return f"!{e['code']}"
        case "log":
            return e["text"] if e["level"] == "info" else f"{e['level']}: {e['text']}"
        case "test_end":
            return f"{e['status']} {e['name']}"
        case kind:
            facts = [f"{k}={v}" for k, v in e.items() if k != "event"]
            return " ".join([kind, *facts])
