"""JSON log lines, beyond the shared vectors."""

import json

import pytest
from saying import events, short


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (10, "debug"), (30, "info"), (40, "warning"), (50, "error"), (60, "critical"),
        ("Fatal", "critical"), ("ERR", "error"), ("Notice", "notice"), ("emerg", "critical"),
        ("trace", "debug"), ("Information", "info"),
    ],
)  # fmt: skip
def test_a_level(level: object, told: str) -> None:
    (log,) = events(json.dumps({"level": level, "msg": "m"}))
    assert (log["level"], log["message"]) == (told, "m")


@pytest.mark.parametrize(
    "said",
    [
        '{"level":35,"msg":"m"}',
        '{"level":true,"msg":"m"}',
        '{"level":"error","msg":{"a":1}}',
        '{"level":"error","msg":"m"} tail',
        '{"level":"error","msg":"m",}',
        '{"level":"error"}',
    ],
)
def test_what_has_no_level_or_no_message_is_plain(said: str) -> None:
    (log,) = events(said)
    assert log == {"event": "log", "text": said, "level": "info"}


@pytest.mark.parametrize("key", ["lvl", "log.level", "levelname", "@level", "severity"])
@pytest.mark.parametrize("message", ["msg", "message", "event", "@message"])
def test_the_keys_of_many_loggers(key: str, message: str) -> None:
    (log,) = events(json.dumps({message: "m", key: "warn"}))
    assert log["level"] == "warning"


def test_a_message_may_hold_the_marker_of_any_language() -> None:
    line = json.dumps({"level": "info", "msg": "##teamcity[blockOpened name='a']"})
    assert short(line) == [line]


def test_a_marker_in_a_message_is_one_of_the_own_language() -> None:
    log = '{"level":"info","msg":"STEP_START:a"}\nSTEP_COMPLETE:a\n'
    assert short(log) == ["+a", "-a:completed"]


def test_a_malformed_marker_in_a_message_leaves_the_line() -> None:
    line = '{"level":"error","msg":"STEP_START:"}'
    assert short(line) == ["error: " + line]


def test_a_stop_in_a_message_ends_in_a_message() -> None:
    log = '{"level":"info","msg":"STEP_PARSE_OFF:t"}\nSTEP_START:a\n'
    log += '{"level":"info","msg":"STEP_PARSE_ON:t"}\nSTEP_START:b\n'
    assert short(log)[1:] == ["STEP_START:a", "control action=resume dialect=stepflow", "+b"]
