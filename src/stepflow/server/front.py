"""The web side of a server. Its code takes a third of a start to load, so that is done once the
scripts are in hand: what they say is held, and nobody could have been answered before."""

from stepflow import __version__
from stepflow.backup import Backups
from stepflow.config import Configuration
from stepflow.retention import Retention
from stepflow.server.listeners import Listeners
from stepflow.server.sockets import Sockets
from stepflow.supervisor import Supervisor
from stepflow.web import SettingShape, Upkeep, WebSettings, create_app, create_socket_app


class Front:
    """Serves as soon as it is made, inside the running loop."""

    def __init__(
        self,
        supervisor: Supervisor,
        backups: Backups,
        retention: Retention,
        configured: Configuration,
        sockets: Sockets,
    ) -> None:
        self._app = create_app(
            supervisor, Upkeep(backups, retention), _settings(configured, sockets.ports)
        )
        self._listeners = Listeners(sockets)
        self._listeners.serve(self._app, create_socket_app(self._app))

    async def stop(self) -> None:
        """Answer what was begun, close streams, and leave the sockets themselves open."""
        await self._listeners.stop(self._app)


def _settings(configured: Configuration, own_ports: tuple[int, ...]) -> WebSettings:
    settings = configured.settings
    return WebSettings(
        version=__version__,
        api_key=settings.api_key if settings.is_authenticated else None,
        allowed_hosts=tuple(settings.allowed_hosts),
        own_ports=own_ports,
        settings=tuple(
            SettingShape(shown.name, shown.value, shown.source) for shown in configured.shown()
        ),
    )
