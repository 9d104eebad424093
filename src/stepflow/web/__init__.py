"""HTTP, WebSocket and server-sent events on top of the supervisor.

`create_app` and `create_socket_app` are ASGI applications for uvicorn, which must be given
`SocketProtocol`; the table of all endpoints is `stepflow.web.routes`.
"""

from stepflow.web.app import create_app, create_socket_app
from stepflow.web.protocol import SocketProtocol
from stepflow.web.site import SettingShape, Upkeep, WebSettings

__all__ = [
    "SettingShape",
    "SocketProtocol",
    "Upkeep",
    "WebSettings",
    "create_app",
    "create_socket_app",
]
