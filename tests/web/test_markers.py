"""What a script's markers say, on every way on which it is told."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from served import Served
from stepflow.markers.ansi import plain

TAP = """TAP version 14
1..3
ok 1 - a
not ok 2 - b
  ---
  message: no
  ...
ok 3 - c # SKIP d
"""


def told(served: Served, output: str, **fields: Any) -> str:
    """The id of an execution that printed this."""
    return str(served.run(["printf", "%s", output], **fields)["id"])


def answer(served: Served, execution_id: str, path: str, **query: Any) -> dict[str, Any]:
    found = served.client.get(f"/api/executions/{execution_id}/{path}", params=query)
    assert found.status_code == 200, found.text
    return dict(found.json())


def test_tests_come_in_pages_with_their_counts(served: Served) -> None:
    execution_id = told(served, TAP)
    failed = answer(served, execution_id, "tests", status="failed")
    assert failed["counts"] == {
        "total": 3, "passed": 1, "failed": 1, "skipped": 1, "todo": 0, "expected": 3
    }  # fmt: skip
    (test,) = failed["tests"]
    assert (test["name"], test["number"], test["log_line"]) == ("b", 2, 3)
    assert "message: no" in test["details"]
    first = answer(served, execution_id, "tests", limit=2)
    rest = answer(served, execution_id, "tests", limit=2, cursor=first["next"])
    assert [t["name"] for t in first["tests"] + rest["tests"]] == ["a", "b", "c"]
    assert rest["next"] is None


def test_annotations_can_be_asked_for_by_level_and_step(served: Served) -> None:
    lines = "STEP_WARNING:out\nSTEP_START:s\nSTEP_WARNING:in [file=a.c, line=3]\n::error::bad\n"
    execution_id = told(served, lines)
    warnings = answer(served, execution_id, "annotations", level="warning", limit=1)
    assert warnings["total_count"] == 2
    (note,) = answer(served, execution_id, "annotations", level="warning", cursor=warnings["next"])[
        "annotations"
    ]
    assert (note["message"], note["file"], note["line"], note["log_line"]) == ("in", "a.c", 3, 2)
    within = answer(served, execution_id, "annotations", step=0)
    assert [n["message"] for n in within["annotations"]] == ["in", "bad"]


def test_metrics_are_series_and_long_ones_are_thinned(served: Served) -> None:
    lines = [f"STEP_METRIC:loss:{n} [unit=nats step={n}]" for n in range(100)]
    execution_id = told(served, "\n".join([*lines, "STEP_METRIC:size:7", ""]))
    loss, size = answer(served, execution_id, "metrics", points=10)["metrics"]
    assert (loss["name"], loss["unit"], loss["count"], len(loss["points"])) == (
        "loss", "nats", 100, 10
    )  # fmt: skip
    assert [loss["points"][n]["step"] for n in (0, -1)] == [0, 99]
    assert [point["value"] for point in size["points"]] == [7]
    assert len(answer(served, execution_id, "metrics", name="size")["metrics"]) == 1


def test_outputs_summaries_and_diagnostics_are_told(served: Served) -> None:
    lines = (
        "STEP_OUTPUT:version:1.2\n##vso[task.setvariable variable=k;issecret=true]hush-hush\n"
        "##vso[task.prependpath]/x/bin\nSTEP_SUMMARY:# Title\nSTEP_SUMMARY:text\nSTEP_COMPLETE:no\n"
    )
    execution_id = told(served, lines)
    said = answer(served, execution_id, "outputs")
    assert said["outputs"] == [
        {"name": "k", "value": "***", "is_secret": True},
        {"name": "version", "value": "1.2", "is_secret": False},
    ]
    assert said["environment"] == [{"name": "PATH", "value": "/x/bin", "is_prepended": True}]
    (summary,) = answer(served, execution_id, "summary")["summaries"]
    assert summary["markdown"] == "# Title\ntext"
    (diagnostic,) = answer(served, execution_id, "diagnostics")["diagnostics"]
    assert diagnostic == {
        "code": "unmatched_end", "dialect": "stepflow", "command": "no", "message": None,
        "log_line": 5,
    }  # fmt: skip


def test_a_script_can_say_that_it_failed_or_has_issues(served: Served) -> None:
    failed = served.run(["echo", "##vso[task.complete result=Failed;]no luck"])
    assert (failed["status"], failed["exit_code"]) == ("failed", 0)
    assert failed["outcome"] == {"kind": "said_failed", "message": "no luck"}
    issues = served.run(["echo", "##vso[task.complete result=SucceededWithIssues;]meh"])
    assert (issues["status"], issues["result"], issues["result_message"]) == (
        "completed", "completed_with_issues", "meh"
    )  # fmt: skip
    exited = served.run("echo '##vso[task.complete result=Succeeded;]'; exit 3")
    assert exited["outcome"] == {"kind": "failed", "exit_code": 3}


def test_progress_of_execution_and_steps_is_told_with_the_time_that_is_left(served: Served) -> None:
    script = "echo STEP_PROGRESS:25%; echo STEP_START:s; echo 'STEP_PROGRESS:3/4 files'; sleep 30"
    execution_id = served.start(script)
    found = until(served, execution_id, lambda seen: seen["steps"] and seen["steps"][0]["progress"])
    assert found["execution"]["progress"]["value"] == 0.25
    assert found["execution"]["eta_seconds"] >= 0
    step = found["steps"][0]
    assert (step["progress"]["current"], step["message"]) == (3, "files")
    served.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})


def until(served: Served, execution_id: str, is_right: Any) -> dict[str, Any]:
    from eventually import eventually

    found: dict[str, Any] = {}

    def look() -> Any:
        found.update(served.client.get(f"/api/executions/{execution_id}").json())
        return is_right(found)

    eventually(look)
    return found


def test_steps_say_how_their_script_wants_them_shown(served: Served) -> None:
    sections = "\x1b[0Ksection_start:10:s[collapsed=true]\r\x1b[0KT\nsection_end:13:s\r\x1b[0K\n"
    execution_id = told(served, sections)
    step = answer(served, execution_id, "steps")["steps"][0]
    assert (step["collapsed"], step["duration"], step["duration_seconds"]) == (True, 3, 3)


@pytest.mark.parametrize(
    ("fields", "names", "words"),
    [
        ({"dialects": ["githbu"]}, "dialects", "did you mean github?"),
        ({"emulate": ["jenkins"]}, "emulate", "jenkins"),
        ({"emulate": "jenkins"}, "emulate", "jenkins"),
        ({"sections": [{"start": "(", "end": "b"}]}, "sections", "missing )"),
        ({"sections": [{"start": "a"}]}, "sections", "end"),
        ({"trace": "zsh"}, "trace", "zsh"),
    ],
)
def test_what_can_not_be_read_so_is_refused_by_name(
    served: Served, fields: dict[str, Any], names: str, words: str
) -> None:
    refused = served.client.post("/api/executions", json={"command": "true", **fields})
    assert refused.status_code == 422
    assert refused.json()["field"] == names
    assert words in refused.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({}, ["g"]),
        ({"dialects": "none"}, []),
        ({"dialects": ["auto", "buildkite"]}, ["g", "h"]),
        ({"emulate": ["buildkite"]}, ["g", "h"]),
        ({"emulate": "buildkite"}, ["g", "h"]),
        ({"emulate": ["buildkite"], "dialects": ["github"]}, ["g"]),
        ({"sections": [{"start": "^> (.*)", "end": "^<"}], "dialects": "none"}, ["own"]),
    ],
)
def test_an_execution_says_which_languages_are_understood(
    served: Served, fields: dict[str, Any], steps: list[str]
) -> None:
    execution_id = told(served, "::group::g\n::endgroup::\n--- h\n> own\n", **fields)
    assert [s["name"] for s in answer(served, execution_id, "steps")["steps"]] == steps


def test_who_is_made_to_believe_in_a_ci_sees_its_variables(served: Served) -> None:
    script = 'echo "$CI $GITHUB_ACTIONS $TF_BUILD $GITLAB_CI $BUILDKITE ${TEAMCITY_VERSION:+tc}"'
    every = ["github", "azure", "gitlab", "teamcity", "buildkite"]
    execution_id = str(served.run(script, emulate=every)["id"])
    log = served.client.get(f"/api/executions/{execution_id}/log").text
    assert log == "true true True true true tc\n"
    own = served.run("echo $CI", emulate=["github"], environment={"CI": "no"})
    assert served.client.get(f"/api/executions/{own['id']}/log").text == "no\n"


def test_a_rerun_reads_its_output_as_before(served: Served) -> None:
    section = {"start": "a", "end": "b"}
    fields = {"dialects": ["github"], "sections": [section], "emulate": ["azure"]}
    first = served.run("true", **fields)
    again = served.client.post(f"/api/executions/{first['id']}/rerun").json()["execution"]
    same = ("dialects", "sections", "emulate")
    assert {name: again[name] for name in same} == {name: first[name] for name in same}


def test_the_stream_of_an_execution_tells_what_markers_say(served: Served) -> None:
    lines = "until test -e {0}; do sleep 0.02; done; printf '%s' \"$1\""
    go = served.storage / "go"
    output = TAP + "STEP_METRIC:m:1\nSTEP_OUTPUT:o:v\nSTEP_SUMMARY:s\n"
    execution_id = served.start(["sh", "-c", lines.format(go), "sh", output])
    kinds: dict[str, Any] = {}
    with served.client.stream("GET", f"/api/executions/{execution_id}/events") as stream:
        name = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line[7:]
                if name == "snapshot":
                    go.touch()
            elif line.startswith("data: "):
                kinds[name] = json.loads(line[6:])
    assert kinds["test_update"]["counts"]["total"] == 3
    assert [t["name"] for t in kinds["test_update"]["tests"]] == ["a", "b", "c"]
    assert kinds["metric_update"]["metrics"][0]["value"] == 1
    assert kinds["output_update"]["output"]["value"] == "v"
    assert kinds["summary_update"]["summary"]["markdown"] == "s"


SCRIPT = """#!/bin/bash
set -eu
prepare() { mkdir -p made; echo "prepared; 100%"; }
prepare
echo hidden > made/file
ls nowhere 2>/dev/null || echo "none"
sleep 0.1
cat made/file
"""


def test_a_traced_script_shows_its_commands_as_steps(served: Served, tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    execution = served.run([str(script)], trace="bash", working_directory=str(tmp_path))
    assert (execution["status"], execution["exit_code"]) == ("completed", 0)
    steps = answer(served, str(execution["id"]), "steps")["steps"]
    assert [(step["name"], step["status"]) for step in steps] == [
        ("prepare", "completed"),
        ("mkdir -p made", "completed"),
        ('echo "prepared; 100%"', "completed"),
        ("echo hidden > made/file", "completed"),
        ("ls nowhere 2> /dev/null", "failed"),
        ('echo "none"', "completed"),
        ("sleep 0.1", "completed"),
        ("cat made/file", "completed"),
    ]
    assert steps[6]["duration_seconds"] >= 0.1
    assert (tmp_path / "made" / "file").read_text() == "hidden\n"
    lines = answer(served, str(execution["id"]), "logs")["lines"]
    assert [plain(line["text"]) for line in lines] == ["prepared; 100%", "none", "hidden"]


def test_progress_is_told_ten_times_a_second_and_its_last_word_too(served: Served) -> None:
    begin = served.storage / "begin"
    lines = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo STEP_PROGRESS:$i/100; sleep 0.005; done"
    execution_id = served.start(f"until test -e {begin}; do sleep 0.02; done; {lines}; sleep 0.4")
    told: list[tuple[float, float | None]] = []
    with served.client.stream("GET", f"/api/executions/{execution_id}/events") as stream:
        name = ""
        for line in stream.iter_lines():
            name = line[7:] if line.startswith("event: ") else name
            if line == "event: snapshot":
                begin.touch()
            if line.startswith("data: ") and name == "execution_update":
                said = json.loads(line[6:])
                if said["status"] == "running" and said["progress"]:
                    told.append((time.monotonic(), said["progress"]["value"]))
    took = told[-1][0] - told[0][0]
    assert len(told) <= 5 + took / 0.08
    assert told[-1][1] == 1
