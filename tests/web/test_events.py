import json
from collections.abc import Iterator
from typing import Any

from served import Served


class Event(dict[str, Any]):
    name: str
    id: str | None


def events(served: Served, execution_id: str, cursor: str | None = None, last: str | None = None):  # type: ignore[no-untyped-def]
    return served.client.stream(
        "GET",
        f"/api/executions/{execution_id}/events",
        params={"cursor": cursor} if cursor else {},
        headers={"Last-Event-ID": last} if last else {},
    )


def read(answer: Any) -> Iterator[Event]:
    """Server-sent events as they come."""
    name, identity, data = "", None, ""
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            identity = value
        elif field == "data":
            data = value
        elif not line and name:
            event = Event(json.loads(data))
            event.name, event.id = name, identity
            yield event
            name, identity = "", None


def test_a_stream_has_the_state_then_the_log_then_the_end(served: Served) -> None:
    script = "echo STEP_START:one; echo hello; echo STEP_COMPLETE:one"
    execution_id = served.run(script)["id"]
    with events(served, execution_id) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        found = list(read(answer))
    assert [event.name for event in found] == ["snapshot", "log", "log_complete", "end"]
    assert found[0]["execution"]["id"] == execution_id
    assert (found[0]["steps"][0]["name"], found[0]["cursor"]) == ("one", "0:0")
    assert [text for text, _ in found[1]["lines"]][1] == "hello"
    assert found[1].id == "3:0"
    assert found[-1]["execution"]["status"] == "completed"


def test_a_stream_follows_a_running_execution(served: Served) -> None:
    execution_id = served.start("head -n 1; echo STEP_START:one; exit 3", stdin=True)
    with events(served, execution_id, cursor="end") as answer:
        found = []
        for event in read(answer):
            if event.name == "snapshot":
                path = f"/api/executions/{execution_id}/input"
                with served_copy(served) as client:
                    client.post(path, json={"data": "go\n"})
            found.append(event)
    names = [event.name for event in found]
    assert names[0] == "snapshot"
    assert names[-1] == "end"
    assert {"execution_update", "step_update", "log"} <= set(names)
    assert found[-1]["execution"]["exit_code"] == 3


def test_last_event_id_goes_on_where_it_broke(served: Served) -> None:
    execution_id = served.run("seq 1 100")["id"]
    with events(served, execution_id, cursor="0:0", last="98:0") as answer:
        lines = [text for e in read(answer) if e.name == "log" for text, _ in e["lines"]]
    assert lines == ["99", "100"]


def test_a_stream_of_one_execution_is_silent_about_others(served: Served) -> None:
    execution_id = served.start("head -n 1", stdin=True)
    with events(served, execution_id) as answer:
        ids = set()
        for event in read(answer):
            if event.name == "snapshot":
                with served_copy(served) as client:
                    served_run = client.post(
                        "/api/executions", json={"command": "true"}, params={"wait": "10s"}
                    )
                    assert served_run.status_code == 201
                    path = f"/api/executions/{execution_id}/input"
                    client.post(path, json={"data": "go\n"})
            if event.name == "execution_update":
                ids.add(event["id"])
    assert ids == {execution_id}


def test_a_bad_cursor_is_refused_before_the_stream(served: Served) -> None:
    execution_id = served.run("true")["id"]
    with events(served, execution_id, cursor="7:0") as answer:
        assert answer.status_code == 422
        answer.read()


def test_streams_end_and_waits_return_at_shutdown(tmp_path: Any) -> None:
    with Served(tmp_path) as served:
        execution_id = served.start("sleep 60")
        client = served_copy(served)
        stream = client.stream("GET", f"/api/executions/{execution_id}/events")
        answer = stream.__enter__()
        found = read(answer)
        assert next(found).name == "snapshot"
    assert all(event.name != "end" for event in found)
    stream.__exit__(None, None, None)
    client.close()


def served_copy(served: Served) -> Any:
    """A second client: the first one's connection is busy with the stream."""
    import httpx

    return httpx.Client(base_url=served.url, timeout=20, trust_env=False)
