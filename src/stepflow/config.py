"""The settings: from flags, the environment and `.env`, in this order; the first that says wins.

Every value remembers where it came from. An empty value counts as not said, as in the old
installs' `STEPFLOW_API_KEY=""`. A wrong value and an unknown name in a flag or in `.env` are
errors; an unknown name in the environment is only a warning, since others put names there too.
"""

import ipaddress
import re
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stepflow.errors import InvalidSetting

PREFIX = "STEPFLOW_"
SECRET = "***"  # noqa: S105 - what is shown instead of a secret

# Names of the original program that mean a setting of today.
OLD_SPELLINGS = {"WS_PORT": "websocket_port", "WS_HOST": "websocket_host"}
# Names that are no settings of a server but may stand in its environment.
NO_SETTINGS = frozenset({"ENV", "EXECUTION_ID", "PUMP"})
# What a server must not overlook: it would keep in a folder of its own what others wait for.
SHARED_STORES = frozenset({"DATABASE_URL", "OBJECT_STORE"})

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a server and the command line can be told. None means that a rule decides."""

    host: str = "127.0.0.1"
    port: Port = 8080
    websocket_host: str | None = None
    websocket_port: Port = 8765
    storage_path: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    auth_enabled: bool | None = None
    api_key: str | None = None
    allowed_hosts: list[str] = []
    max_running: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    on_stop: Literal["auto", "leave", "stop"] = "auto"
    script_environment: Literal["inherit", "minimal"] = "inherit"
    artifact_roots: list[str] = []
    dialects: list[str] = msgspec.field(default_factory=lambda: ["auto"])
    sections: list[dict[str, Any]] = []
    retention_days: Count | None = None
    retention_count: Count | None = None
    retention_bytes: Count | None = None
    retention_tags: list[str] = []
    min_free_bytes: Annotated[int, Meta(ge=0)] = 1 << 30
    backup_schedule: str | None = None
    backup_keep: Count = 7
    legacy_timezone: str | None = None
    wal_autocheckpoint: Count = 1000
    cache_size: Annotated[int, Meta(ge=100)] = 20_000
    buffer_size: Count = 1000
    url: str | None = None

    @property
    def is_authenticated(self) -> bool:
        """Whether clients need the key: as said, else where there is a key."""
        return self.api_key is not None if self.auth_enabled is None else self.auth_enabled

    @property
    def effective_websocket_host(self) -> str:
        return self.websocket_host or self.host

    @property
    def is_open_to_all(self) -> bool:
        """Reachable from elsewhere without a key; only ever by the operator's own word."""
        return self._is_beyond_loopback and not self.is_authenticated

    @property
    def _is_beyond_loopback(self) -> bool:
        return not (is_loopback(self.host) and is_loopback(self.effective_websocket_host))


class Shown(msgspec.Struct, frozen=True):
    """One setting for people: a secret's value is masked."""

    name: str
    value: Any
    source: str


class Configuration(msgspec.Struct, frozen=True):
    """The settings in effect, where each came from, and what to warn the operator of."""

    settings: Settings
    sources: dict[str, str]
    storage: Path
    warnings: list[str]

    @property
    def log_folder(self) -> Path:
        return self.storage.parent / "logs"

    def shown(self) -> list[Shown]:
        values = {name: getattr(self.settings, name) for name in Settings.__struct_fields__}
        values["storage_path"] = str(self.storage)
        values["websocket_host"] = self.settings.effective_websocket_host
        values["auth_enabled"] = self.settings.is_authenticated
        if values["api_key"] is not None:
            values["api_key"] = SECRET
        return [Shown(variable(name), value, self.sources[name]) for name, value in values.items()]


def configuration(
    flags: Mapping[str, str], environment: Mapping[str, str], directory: Path
) -> Configuration:
    """Read all sources. `flags` maps a setting's name to its text; `.env` is looked for in
    `directory`, the working directory. Raises InvalidSetting."""
    said: dict[str, tuple[Any, str]] = {}
    for name, text in _old_first(_dotenv(directory / ".env")):
        _take(said, name.removeprefix(PREFIX), text, f"{name} in .env")
    warnings = _take_environment(said, environment)
    for flag, text in flags.items():
        _take(said, flag, text, f"--{flag.replace('_', '-')}", is_flag=True)
    settings = Settings(**{name: value for name, (value, _) in said.items()})
    sources = dict.fromkeys(Settings.__struct_fields__, "default")
    sources |= {name: source for name, (_, source) in said.items()}
    storage, rule = _storage(settings, environment, directory)
    if settings.storage_path is None:
        sources["storage_path"] = rule
    return Configuration(settings, sources, storage, warnings)


def require_safe(configured: Configuration) -> None:
    """Refuse to serve strangers by accident. Raises InvalidSetting."""
    settings, sources = configured.settings, configured.sources
    if settings.is_authenticated and settings.api_key is None:
        raise InvalidSetting(
            f"STEPFLOW_AUTH_ENABLED is true ({sources['auth_enabled']}) but STEPFLOW_API_KEY is "
            "empty: set a key, or set STEPFLOW_AUTH_ENABLED=false",
            field="api_key",
        )
    if settings.is_open_to_all and settings.auth_enabled is None:
        name = "websocket_host" if is_loopback(settings.host) else "host"
        raise InvalidSetting(
            f"{variable(name)}={getattr(settings, name)} ({sources[name]}) lets other machines run "
            "commands here: set STEPFLOW_API_KEY, or STEPFLOW_AUTH_ENABLED=false if they may",
            field=name,
        )


def variable(name: str) -> str:
    return PREFIX + name.upper()


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _take_environment(
    said: dict[str, tuple[Any, str]], environment: Mapping[str, str]
) -> list[str]:
    """Fill `said` from the environment; the names that are no settings become one warning."""
    unknown = []
    for name, text in _old_first(environment):
        if not name.startswith(PREFIX):
            continue
        _refuse_shared_store(name.removeprefix(PREFIX), text, f"{name} in the environment")
        # Kubernetes sets STEPFLOW_PORT=tcp://… for a service that is called stepflow.
        if _field(name.removeprefix(PREFIX)) is None or text.startswith("tcp://"):
            if name.removeprefix(PREFIX) not in NO_SETTINGS:
                unknown.append(name)
        else:
            _take(said, name.removeprefix(PREFIX), text, f"{name} in the environment")
    if not unknown:
        return []
    hints = ", ".join(name + _nearest(name.removeprefix(PREFIX)) for name in sorted(unknown))
    return [f"not settings of StepFlow, so ignored: {hints}"]


def _take(
    said: dict[str, tuple[Any, str]], name: str, text: str, source: str, *, is_flag: bool = False
) -> None:
    field = _field(name)
    if field is None:
        _refuse_shared_store(name, text, source)
        if name in NO_SETTINGS and not is_flag:
            return
        raise InvalidSetting(f"{source}: there is no such setting{_nearest(name)}")
    if not text.strip():
        return
    said[field] = (_value(field, text.strip(), source), source)


def _refuse_shared_store(name: str, text: str, source: str) -> None:
    """Raises InvalidSetting."""
    if name in SHARED_STORES and text.strip():
        raise InvalidSetting(
            f"{source}: this version keeps everything in its own folder (SQLite and plain files) "
            "and cannot share a database or an object store: unset it, and run one server"
        )


def _old_first(source: Mapping[str, str]) -> list[tuple[str, str]]:
    """Old spellings before today's, which then win, whatever their order in the source."""
    return sorted(source.items(), key=lambda item: item[0][len(PREFIX) :] not in OLD_SPELLINGS)


def _field(name: str) -> str | None:
    if name.upper() in OLD_SPELLINGS:
        return OLD_SPELLINGS[name.upper()]
    field = name.lower().replace("-", "_")
    return field if field in Settings.__struct_fields__ else None


def _nearest(name: str) -> str:
    near = get_close_matches(name.lower().replace("-", "_"), Settings.__struct_fields__, 1)
    return f" (did you mean {variable(near[0])}?)" if near else ""


_TYPES = {field.name: field.type for field in msgspec.structs.fields(Settings)}
_SEPARATORS = {"allowed_hosts": ",", "artifact_roots": ":", "dialects": ",", "retention_tags": ","}
_TAG_RULE = re.compile(r"[^=]+=(keep|[1-9]\d*d?)")
_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def _value(field: str, text: str, source: str) -> Any:
    value: Any = text
    if field in _SEPARATORS:
        value = [part.strip() for part in text.split(_SEPARATORS[field]) if part.strip()]
    elif field == "auth_enabled":
        value = _WORDS.get(text.lower(), text)
    elif field == "sections":
        value = _decoded(text, source)
    elif field == "log_level":
        value = text.upper()
    elif field == "max_running" or field.endswith(
        ("port", "days", "bytes", "size", "checkpoint", "keep", "count")
    ):
        value = text.replace("_", "")
    try:
        converted = msgspec.convert(value, _TYPES[field], strict=False)
        if field == "legacy_timezone":
            zoneinfo.ZoneInfo(text)
        if field == "url":
            _require_url(text)
        if field == "backup_schedule":
            _require_schedule(text)
        if field == "retention_tags" and not all(map(_TAG_RULE.fullmatch, value)):
            raise ValueError(text)
    except (ValueError, zoneinfo.ZoneInfoNotFoundError, IsADirectoryError) as error:
        shown = SECRET if field == "api_key" else repr(text)
        raise InvalidSetting(
            f"{source}: {shown} is not allowed; {allowed(field)}", field=field
        ) from error
    return converted


def _decoded(text: str, source: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidSetting(
            f"{source}: {text!r} is no JSON ({error}); {allowed('sections')}", field="sections"
        ) from error


def _require_url(text: str) -> None:
    if not text.startswith(("http://", "https://")):
        raise ValueError(text)


def _require_schedule(text: str) -> None:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - only where there is a schedule

    try:
        CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(text) from error


def allowed(field: str) -> str:
    """What a setting accepts, in words."""
    if field == "auth_enabled":
        return "it must be true or false"
    if field == "legacy_timezone":
        return "it must be a time zone such as Europe/Berlin"
    if field == "retention_tags":
        return "it must be like nightly=30d,ci=100,release=keep: so old, so many, or for ever"
    if field == "backup_schedule":
        return "it must be five fields as in crontab: `0 3 * * *` is at three every night"
    if field == "sections":
        return """it must be a list such as [{"start": "^== (.*)", "end": "^=="}]"""
    if field == "url":
        return "it must begin with http:// or https://"
    schema = msgspec.json.schema(_TYPES[field])
    schema = next((kind for kind in schema.get("anyOf", []) if kind["type"] != "null"), schema)
    if "enum" in schema:
        return f"it must be one of {', '.join(sorted(schema['enum']))}"
    if "maximum" in schema:
        return f"it must be a whole number from {schema['minimum']} to {schema['maximum']}"
    if "minimum" in schema:
        return f"it must be a whole number from {schema['minimum']}"
    return "it must be a list" if schema["type"] == "array" else "it must be text"


def _storage(
    settings: Settings, environment: Mapping[str, str], directory: Path
) -> tuple[Path, str]:
    if settings.storage_path is not None:
        return directory / Path(settings.storage_path).expanduser(), "said"
    here = directory / "storage"
    if here.is_dir():
        return here, "./storage is there"
    if (directory / "app" / "core" / "persistence.py").is_file():
        return here, "./storage, in a clone"
    data = Path(environment.get("XDG_DATA_HOME", ""))
    if not data.is_absolute():
        data = Path(environment.get("HOME") or Path.home()) / ".local" / "share"
    return data / "stepflow" / "storage", "the user's data folder"


def _dotenv(path: Path) -> dict[str, str]:
    """The STEPFLOW_* names of a `.env` file; other names are other programs'."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{path} can't be read: {error}") from error
    found = {}
    for number, raw in enumerate(lines, 1):
        line = raw.strip().removeprefix("export ").lstrip()
        if not line or line.startswith("#"):
            continue
        name, equals, text = line.partition("=")
        if name.strip().startswith(PREFIX):
            if not equals:
                raise InvalidSetting(f"{path} line {number}: {line!r} is not NAME=VALUE")
            found[name.strip()] = _unquoted(text.strip())
    return found


def _unquoted(text: str) -> str:
    if text[:1] in ("'", '"'):
        end = text.find(text[0], 1)
        if end > 0:
            return text[1:end]
    return text.partition(" #")[0].rstrip()
