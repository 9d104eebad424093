"""The application: the route table behind the guards, and the small one of the old WebSocket port.

Both use the same objects. They are made inside the running event loop.
"""

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from stepflow.errors import NotFound, StepflowError
from stepflow.supervisor import Supervisor
from stepflow.web import reference
from stepflow.web.auth import Access
from stepflow.web.call import Call, body_of, query_of
from stepflow.web.guards import Guards
from stepflow.web.json import Answer
from stepflow.web.live import Live
from stepflow.web.openapi import document
from stepflow.web.problems import broken_off, problem, refused, unexpected, unroutable
from stepflow.web.routes import ENDPOINTS, JSON, Endpoint
from stepflow.web.site import Site, Upkeep, WebSettings
from stepflow.web.sockets import LiveSocket
from stepflow.web.static import ROUTES, Pages
from stepflow.web.uploads import forget_partial


def create_app(supervisor: Supervisor, upkeep: Upkeep, settings: WebSettings) -> Starlette:
    """The application of the main port and of the unix socket. `state.end_streams()` ends what
    would keep it from stopping; call it first."""
    forget_partial(supervisor.storage)
    site = Site(supervisor, upkeep, settings, Live(supervisor))
    pages = Pages(settings.ui)
    app = Starlette(
        routes=[
            *_routes(site),
            *_documentation(settings.version),
            WebSocketRoute("/ws", LiveSocket(site)),
            *(Route(path, pages.index(component)) for path, component in ROUTES.items()),
            Route("/api/{path:path}", _nothing),
            Route("/{path:path}", pages.file),
        ],
        middleware=[Middleware(Guards, **_guarding(settings))],
        exception_handlers={
            StepflowError: refused,
            HTTPException: unroutable,
            ClientDisconnect: broken_off,
            Exception: unexpected,
        },
    )
    app.state.site = site
    app.state.end_streams = site.live.close
    return app


def create_socket_app(app: Starlette) -> ASGIApp:
    """The application of the port that old clients use: a WebSocket, whatever its path."""
    site: Site = app.state.site
    socket = LiveSocket(site)

    async def only_websocket(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await socket(scope, receive, send)
            return
        answer = problem(NotFound("this port speaks WebSocket only; the API is on the other one"))
        answer.status_code = 426
        answer.headers["Upgrade"] = "websocket"
        await answer(scope, receive, send)

    return Guards(only_websocket, always_needs_key=True, **_guarding(site.settings))


def _guarding(settings: WebSettings) -> dict[str, Any]:
    return {
        "access": Access(settings.api_key),
        "allowed_hosts": settings.allowed_hosts,
        "own_ports": settings.own_ports,
    }


def _routes(site: Site) -> list[BaseRoute]:
    """One route per path, so that a wrong method is told all the right ones."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return [_route(site, path, by_method) for path, by_method in by_path.items()]


def _route(site: Site, path: str, by_method: dict[str, Endpoint]) -> Route:
    async def answered(request: Request) -> Response:
        endpoint = by_method["GET" if request.method == "HEAD" else request.method]
        query: Any = query_of(request, endpoint.query)
        body: Any = None
        if endpoint.body is not None and endpoint.body_type == JSON:
            body = await body_of(request, endpoint.body)
        return await endpoint.call(Call(site, request, query, body))

    return Route(path, answered, methods=list(by_method))


def _documentation(version: str) -> list[BaseRoute]:
    described = document(ENDPOINTS, version)
    text = reference.page(described)

    async def as_json(_: Request) -> Response:
        return Answer(described)

    async def as_page(_: Request) -> Response:
        return HTMLResponse(text, headers={"Content-Security-Policy": reference.POLICY})

    return [Route("/api/openapi.json", as_json), Route("/api/docs", as_page)]


async def _nothing(request: Request) -> Response:
    raise NotFound(f"there is nothing at {request.url.path}")
