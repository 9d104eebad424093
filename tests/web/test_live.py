import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from eventually import eventually
from served import Served


def opened(url: str, **options: Any) -> ClientConnection:
    return connect(url, proxy=None, **options)


def until(
    socket: ClientConnection, wanted: Callable[[dict[str, Any]], Any]
) -> list[dict[str, Any]]:
    """All messages up to the first that is wanted."""
    messages = []
    while True:
        messages.append(json.loads(socket.recv(timeout=15)))
        if wanted(messages[-1]):
            return messages


def of_type(kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda message: bool(message["type"] == kind)


def say(socket: ClientConnection, kind: str, **fields: Any) -> None:
    socket.send(json.dumps({"type": kind, **fields}))


def waiting(folder: Path) -> str:
    """Shell that waits until the test makes the file `go`."""
    return f"until [ -e '{folder}/go' ]; do sleep 0.01; done"


def joined(messages: list[dict[str, Any]]) -> str:
    """The log text that log messages carry, checked to be without a gap."""
    text, place = "", None
    for message in messages:
        if message["type"] != "log":
            continue
        data = message["data"]
        assert not data["lagged"]
        start = f"{data['first_line']}:{data['first_byte']}"
        assert place in (None, start)
        text += "\n".join(line for line, _ in data["lines"]) + "\n" * (not data["partial"])
        place = data["cursor"]
    return text


def test_both_ports_greet_and_answer(served: Served) -> None:
    for url in (served.live_url, served.socket_url, served.socket_url + "any/path"):
        with opened(url) as socket:
            [greeting] = until(socket, of_type("connection_established"))
            assert greeting["data"]["version"] == "1.2.3"
            assert greeting["data"]["connected_clients"] >= 1
            say(socket, "ping")
            assert "timestamp" in until(socket, of_type("pong"))[-1]["data"]
            say(socket, "get_status")
            status = until(socket, of_type("server_status"))[-1]["data"]
            assert status["running"] is True


def test_everybody_sees_executions_and_steps_change(served: Served) -> None:
    with opened(served.socket_url) as socket:
        until(socket, of_type("connection_established"))
        execution = served.run("echo STEP_START:one; echo STEP_COMPLETE:one")
        messages = until(socket, lambda m: m["data"].get("status") == "completed")
    statuses = [m["data"]["status"] for m in messages if m["type"] == "execution_update"]
    assert statuses[-1] == "completed"
    assert messages[-1]["data"]["id"] == execution["id"]
    steps = [m["data"] for m in messages if m["type"] == "step_update"]
    assert {step["execution_id"] for step in steps} == {execution["id"]}
    assert steps[-1]["step"]["status"] == "completed"


def test_a_subscriber_gets_the_log_from_its_cursor_on_live_and_to_the_end(
    served: Served, tmp_path: Path
) -> None:
    script = f"echo one; printf two; {waiting(tmp_path)}; echo '!'; echo three; echo four"
    execution_id = served.start(script)
    path = f"/api/executions/{execution_id}"
    eventually(lambda: served.client.get(f"{path}/log").text == "one\ntwo")
    with opened(served.live_url) as socket:
        say(socket, "subscribe", execution_id=execution_id, cursor="0:1")
        messages = until(socket, lambda m: m["data"].get("cursor") == "1:3")
        assert joined(messages) == "ne\ntwo"
        (tmp_path / "go").touch()
        messages += until(socket, of_type("log_complete"))
    assert joined(messages) == "ne\ntwo!\nthree\nfour\n"
    assert messages[-1]["data"] == {"execution_id": execution_id, "line_count": 4, "size_bytes": 20}


def test_a_finished_log_is_given_from_the_cursor_and_then_completed(served: Served) -> None:
    execution_id = served.run("seq 1 5000")["id"]
    with opened(served.live_url) as socket:
        say(socket, "subscribe", execution_id=execution_id, cursor="10")
        messages = until(socket, of_type("log_complete"))
    assert joined(messages).splitlines() == [str(number) for number in range(11, 5001)]


def test_a_character_is_never_cut_in_two(served: Served, tmp_path: Path) -> None:
    execution_id = served.start(f"printf 'x\\303'; {waiting(tmp_path)}; printf '\\244!\\n'")
    with opened(served.live_url) as socket:
        say(socket, "subscribe", execution_id=execution_id, cursor="0:0")
        until(socket, lambda m: m["data"].get("cursor") == "0:1")
        say(socket, "subscribe", execution_id=execution_id, cursor="0:0")
        (tmp_path / "go").touch()
        messages = until(socket, of_type("log_complete"))
    assert joined(messages) == "xä!\n"


def test_a_secret_is_not_shown_live_even_in_pieces(served: Served, tmp_path: Path) -> None:
    script = f"echo first; printf hunt; {waiting(tmp_path)}; printf 'er2 done\\n'"
    execution_id = served.start(script, secret_environment={"KEY": "hunter2"})
    with opened(served.live_url) as socket:
        say(socket, "subscribe", execution_id=execution_id, cursor="0:0")
        messages = until(socket, lambda m: m["data"].get("cursor") == "1:0")
        (tmp_path / "go").touch()
        messages += until(socket, of_type("log_complete"))
    assert joined(messages) == "first\n******* done\n"


def test_a_flood_is_told_and_not_sent(served: Served) -> None:
    execution_id = served.start("head -n 1; seq 1 300000", stdin=True)
    with opened(served.live_url) as socket:
        say(socket, "subscribe", execution_id=execution_id, cursor="end")
        say(socket, "ping")
        until(socket, of_type("pong"))
        served.client.post(f"/api/executions/{execution_id}/input", json={"data": "\n"})
        messages = until(socket, of_type("log_complete"))
    lagged = [m["data"] for m in messages if m["type"] == "log" and m["data"]["lagged"]]
    assert lagged
    assert lagged[0]["lines"] == []
    assert messages[-1]["data"]["line_count"] == 300_001


def test_after_unsubscribing_no_lines_come(served: Served) -> None:
    execution_id = served.start("head -n 1; echo more", stdin=True)
    with opened(served.live_url) as socket:
        say(socket, "subscribe", execution_id=execution_id, cursor="0:0")
        say(socket, "unsubscribe", execution_id=execution_id)
        served.client.post(f"/api/executions/{execution_id}/input", json={"data": "\n"})
        messages = until(socket, lambda m: m["data"].get("status") == "completed")
        say(socket, "ping")
        messages += until(socket, of_type("pong"))
    assert not [m for m in messages if m["type"] in ("log", "log_complete")]


@pytest.mark.parametrize(
    "text",
    ["no json", "[]", '{"type": "dance"}', '{"type": "subscribe"}', "[" * 5000, '"\\ud800"'],
)
def test_what_is_not_understood_is_answered_and_nothing_breaks(served: Served, text: str) -> None:
    with opened(served.live_url) as socket:
        socket.send(text)
        assert until(socket, of_type("error"))[-1]["data"]["error"]
        say(socket, "ping")
        until(socket, of_type("pong"))


def test_a_subscription_that_cannot_be_is_answered(served: Served) -> None:
    execution_id = served.run("echo one")["id"]
    with opened(served.live_url) as socket:
        for wrong in (
            {"execution_id": "nothing", "cursor": "0:0"},
            {"execution_id": execution_id, "cursor": "99:0"},
            {"execution_id": execution_id, "cursor": "zero"},
        ):
            say(socket, "subscribe", **wrong)
            assert until(socket, of_type("error"))[-1]["data"]["error"]


def test_a_deleted_execution_is_told(served: Served) -> None:
    execution_id = served.run("true")["id"]
    with opened(served.live_url) as socket:
        until(socket, of_type("connection_established"))
        served.client.delete(f"/api/executions/{execution_id}")
        message = until(socket, of_type("execution_deleted"))[-1]
    assert message["data"] == {"execution_id": execution_id}


def test_a_client_that_reads_nothing_costs_the_others_nothing(served: Served) -> None:
    execution_id = served.start("head -n 1; seq 1 40000 | sed 's/$/ some more text/'", stdin=True)
    with opened(served.live_url, max_queue=1) as stalled, opened(served.live_url) as socket:
        for each in (stalled, socket):
            say(each, "subscribe", execution_id=execution_id, cursor="end")
            say(each, "ping")
        until(socket, of_type("pong"))
        served.client.post(f"/api/executions/{execution_id}/input", json={"data": "\n"})
        messages = until(socket, of_type("log_complete"))
        assert messages[-1]["data"]["line_count"] == 40_001


def test_the_guides_curl_line_is_accepted(served: Served) -> None:
    host, port = served.socket_url.removeprefix("ws://").rstrip("/").split(":")
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "SGVsbG8sIHdvcmxkIQ==",
        "Sec-WebSocket-Version": "13",
    }
    with httpx.stream("GET", f"http://{host}:{port}/", headers=headers, trust_env=False) as answer:
        assert answer.status_code == 101
        # RFC 6455 §4.2.2: the SHA-1 of the key and a fixed text.
        assert answer.headers["sec-websocket-accept"] == "qGEgH3En71di5rrssAZTmtRTyFk="


def test_the_old_port_speaks_websocket_only(served: Served) -> None:
    answer = httpx.get(served.socket_url.replace("ws", "http", 1), trust_env=False)
    assert answer.status_code == 426


def test_sockets_need_the_key_and_a_page_of_this_server(locked: Served) -> None:
    for url in (locked.live_url, locked.socket_url):
        for headers in ({}, {"X-API-Key": "wrong"}):
            with pytest.raises(InvalidStatus, match="401"):
                opened(url, additional_headers=headers)
        for headers in ({"X-API-Key": "the key"}, {"Authorization": "Bearer the key"}):
            with opened(url, additional_headers=headers) as socket:
                until(socket, of_type("connection_established"))
        with pytest.raises(InvalidStatus, match="403"):
            opened(url, additional_headers={"X-API-Key": "the key"}, origin="http://evil.example")
        with opened(url, additional_headers={"X-API-Key": "the key"}, origin=locked.url) as socket:
            until(socket, of_type("connection_established"))


def test_at_shutdown_sockets_are_told_to_come_back(tmp_path: Path) -> None:
    served = Served(tmp_path)
    with ExitStack() as running:
        running.enter_context(served)
        with opened(served.live_url) as socket:
            until(socket, of_type("connection_established"))
            running.close()
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
