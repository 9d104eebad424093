"""Which execution is meant: a whole id, `last`, or a unique beginning.

Our ids begin with their time, so a beginning is a span of time and the server's list, filtered by
it, holds all candidates. Older ids are random: those are sought among the newest thousand.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from stepflow.cli.client import Client, Json, segment
from stepflow.errors import InvalidRequest, NotFound

_LIST_LIMIT = 1000
_ID_LENGTH = 36


def path_of(client: Client, word: str) -> str:
    return f"/api/executions/{segment(id_of(client, word))}"


def id_of(client: Client, word: str) -> str:
    if word == "last":
        newest = client.ask("GET", "/api/executions", limit=1)["executions"]
        if not newest:
            raise NotFound("there is no execution yet: stepflow run -- COMMAND makes one")
        return str(newest[0]["id"])
    wanted = word.lower()
    if len(wanted) >= _ID_LENGTH:
        return wanted
    if not wanted or not set(wanted) <= set("0123456789abcdef-"):
        raise InvalidRequest(f"{word!r} is no id, beginning of an id, or `last`")
    matches = _beginning_with(client, wanted)
    if not matches:
        raise NotFound(f"there is no execution {word!r}: stepflow ls shows them")
    if len(matches) > 1:
        some = ", ".join(found["id"][: len(wanted) + 10] for found in matches[:3])
        raise InvalidRequest(f"{word!r} fits {len(matches)} executions ({some}, …): add characters")
    return str(matches[0]["id"])


def _beginning_with(client: Client, beginning: str) -> list[Json]:
    span = time_span(beginning)
    for since, until in [span, (None, None)] if span else [(None, None)]:
        query: dict[str, Any] = {"limit": _LIST_LIMIT, "since": since, "until": until}
        page = client.ask("GET", "/api/executions", **query)
        found = [one for one in page["executions"] if one["id"].startswith(beginning)]
        if found:
            return found
    return []


def time_span(beginning: str) -> tuple[str, str] | None:
    """First and last moment of a UUIDv7 that begins so; None where that is no narrow span."""
    digits = beginning.replace("-", "")
    if len(digits) < 8:
        return None
    first = int(digits[:12].ljust(12, "0"), 16)
    last = int(digits[:12].ljust(12, "f"), 16)
    try:
        # The row's time is taken beside the id's, not from it: a second more on both sides.
        since = datetime.fromtimestamp(first / 1000, UTC) - timedelta(seconds=1)
        until = datetime.fromtimestamp(last / 1000, UTC) + timedelta(seconds=1)
    except (ValueError, OverflowError, OSError):
        return None
    return _text(since), _text(until)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
