from typing import Any

import pytest

from served import Served


def refused(answer: Any) -> dict[str, Any]:
    """The problem document that an answer is."""
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "error"} <= set(body)
    assert body["status"] == answer.status_code
    return body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"command": ""}, "command"),
        ({"command": "  "}, "command"),
        ({"command": []}, "command"),
        ({"command": "echo \0"}, "command"),
        ({"command": ["echo", "\0"]}, "command"),
        ({"command": 5}, "command"),
        ({"command": "true", "environment": {"A": 1}}, "environment"),
        ({"command": "true", "environment": ["A"]}, "environment"),
        ({"command": "true", "environment": {"A=B": ""}}, "environment"),
        ({"command": "true", "tags": [1]}, "tags"),
        ({"command": "true", "tags": "one"}, "tags"),
        ({"command": "true", "timeout": -1}, "timeout"),
        ({"command": "true", "timeout": "soon"}, "timeout"),
        ({"command": "true", "grace": -1}, "grace"),
        ({"command": "true", "name": "\0"}, "name"),
        ({"command": "true", "max_log_bytes": -5}, "max_log_bytes"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_recorded(
    served: Served, body: dict[str, Any], field: str
) -> None:
    before = served.client.get("/api/executions").json()["total_count"]
    answer = served.client.post("/api/executions", json=body)
    assert answer.status_code == 422
    problem = refused(answer)
    assert problem["field"] == field
    assert field in problem["detail"]
    assert served.client.get("/api/executions").json()["total_count"] == before


def test_an_unknown_field_is_named_with_the_nearest(served: Served) -> None:
    answer = served.client.post(
        "/api/executions", json={"command": "true", "working_dir": "/", "enviroment": {}}
    )
    problem = refused(answer)
    assert answer.status_code == 422
    assert (problem["field"], problem["nearest"]) == ("working_dir", "working_directory")
    assert "did you mean working_directory?" in problem["error"]


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b'"text"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(served: Served, body: bytes) -> None:
    answer = served.client.post(
        "/api/executions", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    refused(answer)


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"]
)
def test_a_body_of_another_type_is_refused(served: Served, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = served.client.post("/api/executions", content=b'{"command": "true"}', headers=headers)
    assert answer.status_code == 415
    assert "application/json" in refused(answer)["detail"]


def test_a_body_over_a_mebibyte_is_refused_announced_or_not(served: Served) -> None:
    headers = {"Content-Type": "application/json"}
    body = b'{"command": "' + b"x" * (1 << 20) + b'"}'
    for content in (body, (body[start : start + 65536] for start in range(0, len(body), 65536))):
        answer = served.client.post("/api/executions", content=content, headers=headers)
        assert answer.status_code == 413
        refused(answer)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=many",
        "offset=-1",
        "cursor=what",
        "status=sleeping",
        "since=yesterday",
        "stauts=failed",
    ],
)
def test_a_bad_query_of_the_list_is_refused_by_name(served: Served, query: str) -> None:
    answer = served.client.get(f"/api/executions?{query}")
    assert answer.status_code == 422
    assert refused(answer)["field"] == query.partition("=")[0]


@pytest.mark.parametrize("query", ["q=", "q=(&regex=1", "q=x&from=-1", "q=x&context=101"])
def test_a_bad_search_is_refused_by_name(served: Served, query: str) -> None:
    execution_id = served.run("echo x")["id"]
    answer = served.client.get(f"/api/executions/{execution_id}/search?{query}")
    assert answer.status_code == 422
    assert f"{refused(answer)['field']}=" in query


@pytest.mark.parametrize("execution_id", ["nothing", "00000000-0000-0000-0000-000000000000"])
@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("POST", "/rerun"),
        ("GET", "/steps"),
        ("GET", "/logs"),
        ("GET", "/log"),
        ("GET", "/search?q=x"),
        ("GET", "/events"),
        ("GET", "/artifacts"),
        ("GET", "/usage"),
    ],
)
def test_an_unknown_id_is_not_found(
    served: Served, execution_id: str, method: str, rest: str
) -> None:
    answer = served.client.request(method, f"/api/executions/{execution_id}{rest}")
    assert answer.status_code == 404
    refused(answer)


def test_an_unknown_path_and_a_wrong_method_are_problems(served: Served) -> None:
    assert refused(served.client.get("/api/nothing"))["status"] == 404
    wrong = served.client.put("/api/executions", json={})
    assert refused(wrong)["status"] == 405
    assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_what_cannot_start_is_recorded_and_says_why(served: Served) -> None:
    unknown = served.run(["no-such-program-here"])
    assert unknown["outcome"]["kind"] == "could_not_start"
    missing = served.run("true", working_directory="/no/such/folder")
    assert missing["outcome"]["kind"] == "could_not_start"
    assert "working directory" in missing["outcome_text"]
