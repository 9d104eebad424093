from typing import Any

import pytest

from served import Served


def compared(served: Served, a: str, b: str, **fields: Any) -> dict[str, Any]:
    ids = [served.run(command, name="compared", **fields)["id"] for command in (a, b)]
    answer = served.client.get(f"/api/executions/{ids[0]}/compare/{ids[1]}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_steps_of_one_path_are_side_by_side(served: Served) -> None:
    found = compared(
        served,
        "echo STEP_START:Build; echo STEP_COMPLETE:Build; echo STEP_START:Test; exit 1",
        "echo STEP_START:Build; echo STEP_COMPLETE:Build; echo STEP_START:Ship",
    )
    pairs = [(pair["path"], bool(pair["a"]), bool(pair["b"])) for pair in found["steps"]]
    assert pairs == [(["Build"], True, True), (["Test"], True, False), (["Ship"], False, True)]
    assert found["steps"][1]["a"]["status"] == "failed"
    assert {"command", "status", "exit_code"} <= {each["field"] for each in found["fields"]}


@pytest.mark.parametrize(
    ("a", "b", "line", "texts"),
    [
        ("seq 5000", "seq 4000; echo else; seq 4002 5000", 4000, ("4001", "else")),
        ("seq 3", "seq 4", 3, (None, "4")),
        ("true", "echo more", 0, (None, "more")),
        ("seq 3", "printf '1\\n2\\n3\\n'", None, (None, None)),
    ],
)
def test_the_first_line_that_differs_is_named(
    served: Served, a: str, b: str, line: int | None, texts: tuple[str | None, str | None]
) -> None:
    log = compared(served, a, b)["log"]
    assert (log["line"], (log["a"], log["b"]), log["is_complete"]) == (line, texts, True)


def test_the_lines_before_the_difference_are_shown(served: Served) -> None:
    log = compared(served, "seq 9", "seq 8")["log"]
    assert log["before"] == ["6", "7", "8"]


def test_secrets_are_compared_masked(served: Served) -> None:
    ids = [
        served.run("echo $TOKEN", secret_environment={"TOKEN": token})["id"]
        for token in ("first-secret-value", "other-secret-value")
    ]
    log = served.client.get(f"/api/executions/{ids[0]}/compare/{ids[1]}").json()["log"]
    assert log["line"] is None


def test_a_comparison_with_nothing_is_not_found(served: Served) -> None:
    execution = served.run("true")
    assert served.client.get(f"/api/executions/{execution['id']}/compare/x").status_code == 404


def test_a_trend_has_the_last_of_one_name_oldest_first(served: Served) -> None:
    for code in (0, 1, 0):
        served.run(f"echo STEP_START:Only; exit {code}", name="trending")
    asked = {"name": "trending", "limit": 2, "steps": True}
    points = served.client.get("/api/executions/trend", params=asked).json()["executions"]
    assert [point["status"] for point in points] == ["failed", "completed"]
    assert points[0]["steps"][0]["path"] == ["Only"]
    assert points[1]["duration_seconds"] > 0
