from typing import Any

import pytest

from served import Served
from stepflow.web import sifting


@pytest.fixture(scope="module")
def known(served: Served) -> dict[str, str]:
    commands = {
        "deploys": ("echo META:env:prod; echo STEP_START:Deploy to prod; echo all fine", {}),
        "breaks": ("echo STEP_START:Build; echo 'disk FULL at /srv'; exit 3", {}),
        "sleeps": ("sleep 0.3", {"metadata": {"env": "prod", "ticket": 42}}),
    }
    return {
        name: served.run(command, name=name, tags=["sifted"], **fields)["id"]
        for name, (command, fields) in commands.items()
    }


def listed(served: Served, **query: Any) -> dict[str, Any]:
    answer = served.client.get("/api/executions", params={"tag": "sifted", **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"step": "deploy"}, ["deploys"]),
        ({"step": "unheard of"}, []),
        ({"exit": 3}, ["breaks"]),
        ({"exit": 0, "step": "build"}, []),
        ({"log": "disk full"}, ["breaks"]),
        ({"meta": "env=prod"}, ["sleeps", "deploys"]),
        ({"meta": "env=prod,ticket=42"}, ["sleeps"]),
        ({"min_duration": 0.3}, ["sleeps"]),
        ({"min_duration": 0, "max_duration": 0.25, "exit": 3}, ["breaks"]),
        ({"log": "fine", "status": "failed"}, []),
    ],
)
def test_what_no_index_answers_is_looked_for_one_by_one(
    served: Served, known: dict[str, str], query: dict[str, Any], names: list[str]
) -> None:
    page = listed(served, **query)
    assert [one["name"] for one in page["executions"]] == names
    assert page["total_count"] is None
    assert page["next"] is None


def test_a_page_of_them_goes_on_where_it_ended(served: Served, known: dict[str, str]) -> None:
    first = listed(served, meta="env=prod", limit=1)
    assert [one["name"] for one in first["executions"]] == ["sleeps"]
    second = listed(served, meta="env=prod", limit=1, cursor=first["next"])
    assert [one["name"] for one in second["executions"]] == ["deploys"]


def test_the_answer_says_how_far_it_looked_and_goes_on(
    served: Served, known: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sifting, "MOST_SECONDS", 0)
    first = listed(served, log="all fine")
    assert first["executions"] == []
    assert first["looked"]["executions"] == 1
    newest = served.client.get(f"/api/executions/{known['sleeps']}").json()["execution"]
    assert first["looked"]["back_to"] == newest["created_at"]
    listed(served, log="all fine", cursor=first["next"])
    assert first["has_more"]


def test_metadata_without_a_value_is_refused(served: Served) -> None:
    answer = served.client.get("/api/executions", params={"meta": "env"})
    assert (answer.status_code, answer.json()["field"]) == (422, "meta")
