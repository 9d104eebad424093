import socket
from typing import Any

import httpx
import pytest

from served import Served

KEY = {"X-API-Key": "the key"}


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:8080", ""]
)
def test_a_foreign_host_is_refused_on_everything_but_health(served: Served, host: str) -> None:
    for path in ("/", "/api/executions", "/api/session", "/metrics"):
        answer = served.client.get(path, headers={"Host": host})
        assert answer.status_code == 403, path
        assert answer.json()["field"] == "Host"
    assert served.client.get("/api/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9", "127.0.0.1", "[::1]:8080", "10.0.0.7"]
)
def test_localhost_and_addresses_are_known_hosts(served: Served, host: str) -> None:
    assert served.client.get("/api/executions", headers={"Host": host}).status_code == 200


def test_the_operator_can_name_hosts(locked: Served) -> None:
    headers = KEY | {"Host": "StepFlow.example:443"}
    assert locked.client.get("/api/executions", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "file://"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_a_foreign_page_is_refused(served: Served, headers: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        answer = served.client.request(method, "/api/executions", headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (403, "Origin")


def test_a_link_from_elsewhere_may_lead_here_but_not_act(served: Served) -> None:
    link = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    assert served.client.get("/api/executions", headers=link).status_code == 200
    assert served.client.post("/api/executions", headers=link).status_code == 403


def test_both_ports_of_the_server_are_one_origin(served: Served) -> None:
    for port in (served.main.getsockname()[1], served.old.getsockname()[1]):
        origin = {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-site"}
        assert served.client.get("/api/executions", headers=origin).status_code == 200
    other_name = {"Origin": f"http://localhost:{served.main.getsockname()[1]}"}
    assert served.client.get("/api/executions", headers=other_name).status_code == 403


def test_behind_a_proxy_the_public_origin_is_the_hosts(locked: Served) -> None:
    headers = KEY | {"Host": "stepflow.example", "Origin": "https://stepflow.example"}
    assert locked.client.get("/api/executions", headers=headers).status_code == 200


def test_the_key_opens_everything_and_nothing_opens_without(locked: Served) -> None:
    for path in ("/api/executions", "/api/config", "/metrics", "/api/docs", "/api/nothing"):
        answer = locked.client.get(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert locked.client.get(path, headers={"X-API-Key": "the keys"}).status_code == 401
        assert (
            locked.client.get(path, headers={"Authorization": "Basic the key"}).status_code == 401
        )
    for headers in (KEY, {"Authorization": "Bearer the key"}, {"Authorization": "bearer the key"}):
        assert locked.client.get("/api/executions", headers=headers).status_code == 200


def test_health_the_page_and_the_session_need_no_key(locked: Served) -> None:
    assert locked.client.get("/api/health").status_code == 200
    assert locked.client.get("/").status_code in (200, 503)
    session = locked.client.get("/api/session").json()
    assert session == {"auth_enabled": True, "authenticated": False}


def test_a_session_is_opened_with_the_key_kept_in_a_cookie_and_closed(locked: Served) -> None:
    with httpx.Client(base_url=locked.url, trust_env=False) as browser:
        assert browser.post("/api/session", json={"key": "wrong"}).status_code == 401
        opened = browser.post("/api/session", json={"key": "the key"})
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "the key" not in cookie
        assert browser.get("/api/executions").status_code == 200
        assert browser.get("/api/session").json()["authenticated"] is True
        browser.delete("/api/session")
        assert browser.get("/api/executions").status_code == 401


@pytest.mark.parametrize("forged", ["", "x", "9999999999.abc.", "9999999999.abc.00", "é.b.c"])
def test_a_forged_session_is_none(locked: Served, forged: str) -> None:
    cookie = f"stepflow_session={forged}".encode()
    answer = locked.client.get("/api/executions", headers=[(b"cookie", cookie)])
    assert answer.status_code == 401


def test_the_unix_socket_needs_no_key_and_no_host(locked: Served) -> None:
    transport = httpx.HTTPTransport(uds=str(locked.unix))
    with httpx.Client(transport=transport, base_url="http://whatever.example") as local:
        assert local.get("/api/executions").status_code == 200
        assert local.get("/api/session").json()["authenticated"] is True


def test_no_header_makes_a_tcp_client_local(locked: Served) -> None:
    claims = {
        "X-Forwarded-For": "unix",
        "X-Real-IP": "unix",
        "Forwarded": "for=unix",
        "X-Local": "1",
    }
    assert locked.client.get("/api/executions", headers=claims).status_code == 401


@pytest.mark.parametrize(
    "path", ["//api/executions", "/./api/executions", "/%61pi/executions", "//etc/passwd"]
)
def test_no_spelling_of_a_path_gets_around_the_key(locked: Served, path: str) -> None:
    with socket.create_connection(locked.main.getsockname()) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert int(raw.makefile("rb").readline().split()[1]) in (401, 404)


def test_a_request_without_any_host_is_refused(served: Served) -> None:
    with socket.create_connection(served.main.getsockname()) as raw:
        raw.sendall(b"GET /api/executions HTTP/1.0\r\n\r\n")
        assert b"403" in raw.makefile("rb").readline()


def test_answers_carry_an_identity_and_are_not_sniffed(served: Served) -> None:
    answer = served.client.get("/api/executions", headers={"X-Request-ID": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    odd: dict[str, Any] = {"X-Request-ID": "a b<c>"}
    assert served.client.get("/api/executions", headers=odd).headers["x-request-id"] != "a b<c>"
