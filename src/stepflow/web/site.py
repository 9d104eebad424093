"""What all requests share: supervisor, backups, the live hub, and what the operator decided."""

import time
from pathlib import Path
from typing import Any

import msgspec

from stepflow.backup import Backups
from stepflow.retention import Retention
from stepflow.supervisor import Supervisor
from stepflow.web.checkup import Checkup
from stepflow.web.history import History
from stepflow.web.listings import Listings
from stepflow.web.live import Live

LOCAL = "stepflow.is_local"


class SettingShape(msgspec.Struct, frozen=True):
    """A setting in effect, and where it came from; a secret's value is masked."""

    name: str
    value: Any
    source: str


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the web side is told. `own_ports` are the ports of this server: pages of one of them
    may talk to the others. `ui` is the folder of the built page."""

    version: str
    api_key: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    own_ports: tuple[int, ...] = (8080, 8765)
    ui: Path = Path(__file__).with_name("static")
    settings: tuple[SettingShape, ...] = ()


class Upkeep(msgspec.Struct, frozen=True):
    """What keeps the storage folder in order."""

    backups: Backups
    retention: Retention


class Site:
    def __init__(
        self, supervisor: Supervisor, upkeep: Upkeep, settings: WebSettings, live: Live
    ) -> None:
        self.supervisor = supervisor
        self.backups = upkeep.backups
        self.retention = upkeep.retention
        self.store = supervisor.store
        self.settings = settings
        self.live = live
        self.listings = Listings(supervisor.store)
        self.checkup = Checkup(supervisor)
        self.history = History(supervisor, lambda: live.connected, live.closing)
        self._started = time.monotonic()

    @property
    def uptime_seconds(self) -> float:
        return round(time.monotonic() - self._started, 3)
