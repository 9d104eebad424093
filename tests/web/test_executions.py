from typing import Any
from urllib.parse import urljoin

import pytest

from eventually import eventually
from served import Served


def test_an_execution_is_created_run_and_shown(served: Served) -> None:
    created = served.client.post(
        "/api/executions",
        json={"name": "Migration Test", "command": "echo hello", "tags": ["test"]},
    )
    assert created.status_code == 201
    body = created.json()
    assert set(body) == {"id", "status", "name", "message", "execution", "input"}
    eventually(lambda: served.status(body["id"]) == "completed")

    shown = served.client.get(urljoin(str(created.url), created.headers["location"])).json()
    assert shown["execution"]["outcome"] == {"kind": "succeeded"}
    assert shown["execution"]["progress_percentage"] == 100
    assert shown["execution"]["created_at"].endswith("Z")
    assert shown["steps"] == shown["artifacts"] == shown["annotations"] == []


def test_waiting_answers_with_the_end(served: Served) -> None:
    execution = served.run("exit 7")
    assert (execution["status"], execution["exit_code"]) == ("failed", 7)
    assert execution["outcome"] == {"kind": "failed", "exit_code": 7}
    assert execution["outcome_text"] == "failed with exit code 7"
    assert execution["duration_seconds"] >= 0


def test_the_list_is_newest_first_and_pages_by_cursor(served: Served) -> None:
    ids = [served.run("true", tags=["paged"])["id"] for _ in range(3)]
    first = served.client.get("/api/executions", params={"limit": 2, "tag": "paged"}).json()
    assert [one["id"] for one in first["executions"]] == ids[:0:-1]
    assert (first["limit"], first["offset"], first["count"]) == (2, 0, 2)
    assert (first["total_count"], first["has_more"]) == (3, True)
    rest = served.client.get(
        "/api/executions", params={"limit": 2, "tag": "paged", "cursor": first["next"]}
    ).json()
    assert [one["id"] for one in rest["executions"]] == ids[:1]
    assert (rest["has_more"], rest["next"]) == (False, None)


def test_the_list_that_was_just_asked_for_shows_what_has_happened_since(served: Served) -> None:
    def listed(**asked: str) -> list[dict[str, Any]]:
        found = served.client.get("/api/executions", params={"tag": "again", **asked}).json()
        executions: list[dict[str, Any]] = found["executions"]
        assert found["count"] == len(executions)
        return executions

    first = served.run("true", tags=["again"])["id"]
    assert [one["pinned"] for one in listed()] == [False]
    assert listed() == listed()
    served.client.post(f"/api/executions/{first}/pin")
    assert [one["pinned"] for one in listed()] == [True]
    running = served.start("sleep 60", tags=["again"])
    assert [one["id"] for one in listed()] == [running, first]
    before = listed(limit="1")[0]["duration_seconds"]
    eventually(lambda: listed(limit="1")[0]["duration_seconds"] > before)
    served.client.post(f"/api/executions/{running}/cancel", json={"kill": True})
    eventually(lambda: listed(limit="1")[0]["status"] == "cancelled")
    served.client.delete(f"/api/executions/{first}")
    assert [one["id"] for one in listed()] == [running]


def test_of_pages_that_were_asked_for_few_are_remembered(served: Served) -> None:
    served.run("echo large", metadata={"large": "x" * 300_000}, tags=["large"])
    pages = [{"tag": "large", "limit": limit} for limit in (*range(1, 40), 1)]
    for page in pages:
        found = served.client.get("/api/executions", params=page).json()
        assert (found["limit"], found["count"], found["total_count"]) == (page["limit"], 1, 1)


def test_the_list_filters_by_several_statuses(served: Served) -> None:
    served.run("false", user="filtering")
    served.run("true", user="filtering")
    found = served.client.get("/api/executions?user=filtering&status=failed,cancelled").json()
    assert [one["status"] for one in found["executions"]] == ["failed"]


def test_a_running_execution_is_active_and_can_be_cancelled(served: Served) -> None:
    execution_id = served.start("sleep 60")
    active = served.client.get("/api/executions/active").json()["active_executions"]
    assert execution_id in [one["id"] for one in active]
    assert served.client.delete(f"/api/executions/{execution_id}").status_code == 409

    answer = served.client.post(f"/api/executions/{execution_id}/cancel")
    assert answer.status_code == 200
    eventually(lambda: served.status(execution_id) == "cancelled")
    again = served.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})
    assert again.status_code == 409


def test_a_rerun_takes_changed_fields_and_refuses_unknown_ones(served: Served) -> None:
    first = served.run("echo one", tags=["first"])
    path = f"/api/executions/{first['id']}/rerun"
    again = served.client.post(path, params={"wait": "20s"}, json={"name": "again"}).json()
    assert again["execution"]["rerun_of"] == first["id"]
    assert (again["name"], again["execution"]["tags"]) == ("again", ["first"])
    assert served.client.post(path).status_code == 201
    refused = served.client.post(path, json={"tag": []})
    assert (refused.status_code, refused.json()["nearest"]) == (422, "tags")


def test_a_deleted_execution_is_gone(served: Served) -> None:
    path = f"/api/executions/{served.run('true')['id']}"
    assert "deleted" in served.client.delete(path).json()["message"]
    assert served.client.get(path).status_code == 404
    assert served.client.delete(path).status_code == 404


@pytest.mark.parametrize("is_json", [False, True])
def test_input_reaches_a_script_raw_and_as_json(served: Served, is_json: bool) -> None:
    execution_id = served.start("head -n 1", stdin=True)
    path = f"/api/executions/{execution_id}/input"
    octets = {"Content-Type": "application/octet-stream"}
    if is_json:
        answer = served.client.post(path, json={"data": "typed\n"})
    else:
        answer = served.client.post(path, content=b"typed\n", headers=octets)
    assert answer.json() == {"message": "6 bytes were written"}
    eventually(lambda: served.status(execution_id) == "completed")
    assert served.client.get(f"/api/executions/{execution_id}/log").text == "typed\n"


def test_a_window_needs_a_terminal(served: Served) -> None:
    execution_id = served.start("sleep 60")
    answer = served.client.post(
        f"/api/executions/{execution_id}/window", json={"rows": 24, "cols": 80}
    )
    assert answer.status_code == 409
    served.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})


def test_statistics_count_what_has_run(served: Served) -> None:
    before = served.client.get("/api/executions/statistics").json()
    served.run("true")
    after = served.client.get("/api/executions/statistics").json()
    assert after["total_executions"] == before["total_executions"] + 1
    assert after["by_status"]["completed"] == before["by_status"].get("completed", 0) + 1
    assert 0 <= after["success_rate"] <= 1
    assert len(after["per_day"]) == 30


def test_steps_of_a_script_are_shown(served: Served) -> None:
    execution = served.run("echo STEP_START:build; echo working; echo STEP_COMPLETE:build")
    [step] = served.client.get(f"/api/executions/{execution['id']}/steps").json()["steps"]
    assert (step["name"], step["index"], step["status"]) == ("build", 0, "completed")
    assert (step["first_line"], step["last_line"], step["is_finished"]) == (0, 2, True)
    assert execution["step_strip"] == ["completed"]


def test_what_was_created_is_found_behind_a_prefix_of_a_proxy(served: Served) -> None:
    outside = "https://example.org/monitor"
    first = served.client.post("/api/executions", json={"command": "true"})
    path = f"/api/executions/{first.json()['id']}"
    assert urljoin(f"{outside}/api/executions", first.headers["location"]) == outside + path
    again = served.client.post(f"{path}/rerun")
    found = urljoin(f"{outside}{path}/rerun", again.headers["location"])
    assert found == f"{outside}/api/executions/{again.json()['id']}"
    kept = served.client.post(
        "/api/artifacts", files={"file": ("a", b"")}, data={"execution_id": first.json()["id"]}
    )
    found = urljoin(f"{outside}/api/artifacts", kept.headers["location"])
    assert found == f"{outside}/api/artifacts/{kept.json()['id']}"


def test_what_is_usual_comes_from_the_executions_before(served: Served) -> None:
    script = "; ".join(
        f"echo STEP_{what}"
        for what in ("START:Build", "START:Compile", "COMPLETE:Compile", "COMPLETE:Build")
    )
    for _ in range(2):
        served.run(script, name="usual")
    last = served.run(script, name="usual")
    found = served.client.get(f"/api/executions/{last['id']}/usual").json()
    assert (found["executions"], found["duration"]["count"], found["step_count"]) == (2, 2, 2)
    assert [step["path"] for step in found["steps"]] == [["Build"], ["Build", "Compile"]]
