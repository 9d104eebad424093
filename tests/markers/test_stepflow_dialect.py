"""The own dialect, text by text: what is a marker, and what its payload says."""

from typing import Any

import msgspec
import pytest

from stepflow.markers.dialects.stepflow import StepflowDialect


def said(text: str) -> dict[str, Any] | None:
    markers = StepflowDialect().read(text)
    return None if markers is None else msgspec.to_builtins(markers[0])


def params_of(text: str) -> dict[str, Any]:
    marker = said(text)
    assert marker is not None
    return marker.get("params", {})


@pytest.mark.parametrize(
    "text",
    [
        "STEP_START:",
        "STEP_START:   ",
        "STEP_START : x",
        "STEP_START:[a=1]",
        "STEP_COMPLETE:",
        "STEP_ERROR:",
        "STEP_UNKNOWN:x",
        "\u017fTEP_START:x",
        'print("STEP_START:Data")',
        "`STEP_START:x`;",
        'echo "STEP_START:x STEP_COMPLETE:x"',
        '{"level":"info","msg":"STEP_START:x"}',
        "++ STEP_START:x",
        "éSTEP_START:x",
        "a.STEP_START:x",
        "\\STEP_START:x",
        "META:key",
        "META::v",
        "charset-meta:utf-8",
        "meta: x",
        "some meta:x",
        "Uploading Artifact:x",
        "ARTIFACT:",
        "ARTIFACT:[name=x]",
        "STEP_PROGRESS:3/0",
        "STEP_PROGRESS:half",
        "STEP_METRIC:loss",
        "STEP_METRIC::1",
        "STEP_METRIC:loss:nan",
        "STEP_METRIC:loss:1e999",
        "STEP_OUTPUT:version",
        "STEP_SUMMARY_FILE:",
        "STEP_PARSE_OFF:",
        "STEP_PARSE_ON:x",
        "STEP_EVENT:",
        "STEP_EVENT:[]",
        'STEP_EVENT:{"event":"result","status":"failed"}',
        'STEP_EVENT:{"event":"env","name":"PATH","value":"x"}',
        'STEP_EVENT:{"event":"step_start"}',
        'STEP_EVENT:{"event":"step_end","name":"x","status":"odd"}',
        'STEP_EVENT:{"event":"progress","value":2}',
        'STEP_EVENT:{"event":"metric","name":"x","value":"1"}',
    ],
)
def test_what_is_no_marker_stays_an_ordinary_line(text: str) -> None:
    assert said(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("STEP_START: Build ", "Build"),
        ("sTeP_sTaRt:x", "x"),
        ("x:STEP_START:y", "y"),
        ("(STEP_START:y", "y"),
        ("MY_STEP_START:x STEP_START:y", "y"),
        ("++STEP_START:x", "x"),
        ("  'STEP_START:x'  ", "x"),
        ("`STEP_START:x`", "x"),
        ("STEP_START:use {curly}", "use {curly}"),
        ("STEP_START:run --fast tests", "run --fast tests"),
        ("STEP_START:a [b] c", "a [b] c"),
        ("STEP_START:a [k=1] tail", "a [k=1] tail"),
        ("STEP_START:x ]", "x ]"),
        ("STEP_START:STEP_COMPLETE:x", "STEP_COMPLETE:x"),
        ("STEP_START:[id=web]", "web"),
    ],
)
def test_a_start_names_its_step(text: str, name: str) -> None:
    marker = said(text)
    assert marker is not None
    assert (marker["event"], marker["name"]) == ("step_start", name)


@pytest.mark.parametrize(
    ("group", "params"),
    [
        ("[a=1,b=2]", {"a": 1, "b": 2}),
        ("[a=1 b=2]", {"a": 1, "b": 2}),
        ("[a=1, b=2]", {"a": 1, "b": 2}),
        ("[ a=1 ]", {"a": 1}),
        ("[a=[1]]", {"a": "[1]"}),
        ("[a=x y,b=z]", {"a": "x y", "b": "z"}),
        ("[a='it is',b=\"x, y=1\"]", {"a": "it is", "b": "x, y=1"}),
        ('[n="5"]', {"n": "5"}),
        ("[a=,b=]", {"a": "", "b": ""}),
        ("[x.y-z_1=1]", {"x.y-z_1": 1}),
        ("[a=True b=FALSE]", {"a": True, "b": False}),
        ("[a=+7 b=-2.5 c=.5 d=1E-2]", {"a": 7, "b": -2.5, "c": 0.5, "d": 0.01}),
        ("[a=9999999999999999999 b=1e999]", {"a": "9999999999999999999", "b": "1e999"}),
        ("[timeout=30s]", {"timeout": 30}),
        ("[timeout=5m duration=1h30m]", {"timeout": 300, "duration": 5400}),
        ("[wait=30s]", {"wait": "30s"}),
        ("[stop_on_error=1]", {"stop_on_error": True}),
        ("[stop_on_error=Off]", {"stop_on_error": False}),
        ("[stop_on_error=maybe]", {"stop_on_error": "maybe"}),
        ("{a: 1, b: two words}", {"a": 1, "b": "two words"}),
        ("{url:http://h/p}", {"url": "http://h/p"}),
        ("{a:x see http://h}", {"a": "x see http://h"}),
        ("--a=1 --b='x y'", {"a": 1, "b": "x y"}),
        ("--a=", {"a": ""}),
        ("--a=[1]", {"a": "[1]"}),
        ("--a=3 {a:2} [a=1]", {"a": 3}),
        ("[a=1] [a=2] {b:1} {b:2}", {"a": 2, "b": 2}),
    ],
)
def test_trailing_groups_become_typed_parameters(group: str, params: dict[str, Any]) -> None:
    found = params_of(f"STEP_START:x {group}")
    assert found == params
    assert [type(v) for v in found.values()] == [type(v) for v in params.values()]


@pytest.mark.parametrize(
    ("payload", "path", "description"),
    [
        ('"a:b.txt":Report', "a:b.txt", "Report"),
        ("'a b.txt' : Report", "a b.txt", "Report"),
        ('"a.txt"', "a.txt", None),
        ('"a" b.txt:D', '"a" b.txt', "D"),
        ("C:\\a\\b.txt", "C:\\a\\b.txt", None),
        ("C:rel.txt", "C", "rel.txt"),
        ("http://h/a:Page", "http://h/a", "Page"),
        ("http://h:8080", "http://h:8080", None),
        ("http://h:8080:Page", "http://h:8080", "Page"),
        ("http://u:p@h:80/a:Page", "http://u:p@h:80/a", "Page"),
        ("http://[::1]:80/a:Page", "http://[::1]:80/a", "Page"),
        ("file:///x/y:D", "file:///x/y", "D"),
        ("s3://bucket:Model", "s3://bucket", "Model"),
        ("out.txt:", "out.txt", None),
        ("out.txt:a [b] c", "out.txt", "a [b] c"),
    ],
)
def test_an_artifact_is_a_path_and_a_description(
    payload: str, path: str, description: str | None
) -> None:
    marker = said(f"ARTIFACT:{payload}")
    assert marker is not None
    assert (marker["path"], marker.get("description")) == (path, description)


def test_trailing_groups_of_an_artifact_are_its_properties() -> None:
    assert said("ARTIFACT:out.txt:Report [name=Nice, type=report]") == {
        "event": "artifact",
        "path": "out.txt",
        "description": "Report",
        "name": "Nice",
        "type": "report",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("META:k:", {"key": "k", "value": ""}),
        ("meta:k:v", {"key": "k", "value": "v"}),
        ("META:STEP_START:x", {"key": "STEP_START", "value": "x"}),
        ("log META: a : b:c ", {"key": "a", "value": "b:c"}),
    ],
)
def test_a_meta_is_a_key_and_a_text(text: str, expected: dict[str, str]) -> None:
    assert said(text) == {"event": "meta", **expected}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("disk full", {"message": "disk full"}),
        ("a [code=3]", {"message": "a [code=3]"}),
        ("a [b=1] [line=3]", {"message": "a [b=1]", "line": 3}),
        ("a {file: x y.c, line: 7}", {"message": "a", "file": "x y.c", "line": 7}),
        ('a --title="Two words"', {"message": "a", "title": "Two words"}),
        ("a [line=x]", {"message": "a"}),
        ("a [end_line=4 end_col=2 col=1]", {"message": "a", "end_line": 4, "end_col": 2, "col": 1}),
        ("a [file=12 step=Build]", {"message": "a", "file": "12", "step": "Build"}),
    ],
)
def test_a_warning_is_verbatim_but_for_its_place(payload: str, expected: dict[str, Any]) -> None:
    assert said(f"STEP_WARNING:{payload}") == {
        "event": "annotation",
        "level": "warning",
        **expected,
    }


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("0%", {"value": 0.0}),
        ("99.5% nearly", {"value": 0.995, "message": "nearly"}),
        ("140%", {"value": 1.0}),
        ("1/2 [id=a]", {"value": 0.5, "current": 1.0, "total": 2.0, "id": "a"}),
        ("5/4", {"value": 1.0, "current": 5.0, "total": 4.0}),
    ],
)
def test_progress_is_a_percentage_or_a_share(payload: str, expected: dict[str, Any]) -> None:
    assert said(f"STEP_PROGRESS:{payload}") == {"event": "progress", **expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("STEP_METRIC:gpu:0:load:-1e3", {"event": "metric", "name": "gpu:0:load", "value": -1e3}),
        ("STEP_OUTPUT: a : b:c ", {"event": "output", "name": "a", "value": "b:c"}),
        ("STEP_SUMMARY:   - item", {"event": "summary", "markdown": "  - item"}),
        ("STEP_SUMMARY:", {"event": "summary", "markdown": ""}),
        ("STEP_SUMMARY_FILE:'a b.md'", {"event": "summary", "path": "a b.md"}),
        ("STEP_MASK: hunter22 ", {"event": "mask", "values": ["hunter22"]}),
        ("STEP_PARSE_OFF: tok ", {"event": "stop", "token": "tok"}),
        ("STEP_COMPLETE:x [id=a]", {"event": "step_end", "name": "x", "id": "a"}),
    ],
)
def test_an_extension_says(text: str, expected: dict[str, Any]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize("secret", ["", " ", "ab"])
def test_a_secret_too_short_to_mask_is_a_diagnostic(secret: str) -> None:
    marker = said(f"STEP_MASK:{secret}")
    assert marker is not None
    assert (marker["event"], marker["code"]) == ("warning", "empty_mask")


@pytest.mark.parametrize(
    ("json", "expected"),
    [
        (
            '{"event":"step_start","name":"a\\nb","id":"1"}',
            {"event": "step_start", "name": "a\nb", "id": "1", "is_parallel": True},
        ),
        (
            '{"event":"step_start","name":"g","kind":"group"}',
            {"event": "step_start", "name": "g", "kind": "group"},
        ),
        (
            '{"event":"step_end","name":"a","status":"failed"}',
            {"event": "step_end", "name": "a", "status": "failed"},
        ),
        (
            '{"event":"log","text":"x","level":"error"}',
            {"event": "log", "text": "x", "level": "error"},
        ),
        ('{"event":"mask","values":["a"," long "]}', {"event": "mask", "values": ["long"]}),
        ('{"event":"artifact","path":"a:b"}', {"event": "artifact", "path": "a:b"}),
    ],
)
def test_an_event_in_json_is_a_marker(json: str, expected: dict[str, Any]) -> None:
    assert said(f"STEP_EVENT:{json}") == expected


def test_a_quoted_item_of_a_list_is_no_marker() -> None:
    assert said('"STEP_START:x"') is not None
    assert said('    "STEP_START:x"') is None
