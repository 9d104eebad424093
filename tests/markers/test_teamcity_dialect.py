"""Service messages of TeamCity, beyond the shared vectors."""

import pytest
from saying import events, short


def tc(*messages: str) -> str:
    return "".join(f"##teamcity[{message}]\n" for message in messages)


@pytest.mark.parametrize(
    "text",
    [
        "##teamcity[blockOpened name=\"a\"]",
        "##teamcity[blockOpened name='a'",
        "##teamcity[blockOpened name='a]",
        "##teamcity[blockOpened name=''a'']",
        "##teamcity[]",
    ],
)  # fmt: skip
def test_what_does_not_parse_is_shown_and_remarked(text: str) -> None:
    assert short(text) == [text, "!malformed"]


def test_a_missing_attribute_is_remarked() -> None:
    assert short(tc("blockOpened")) == ["!malformed"]


@pytest.mark.parametrize(
    "text", ["echo \"##teamcity[progressMessage 'x']\"", "++ ##teamcity[progressMessage 'x']"]
)
def test_echoed_source_is_a_line(text: str) -> None:
    assert short(text) == [text]


def test_a_line_in_quotes_is_unwrapped() -> None:
    assert short("\"##teamcity[progressMessage 'x']\"") == ["progress message=x"]


def test_text_between_messages_is_logged_in_its_place() -> None:
    line = "a ##teamcity[progressMessage 'x'] b ##teamcity[nobody knows='it'] c"
    assert short(line) == ["a", "progress message=x", "b ##teamcity[nobody knows='it'] c"]


def test_a_new_test_ends_the_running_one_of_its_flow() -> None:
    log = tc("testStarted name='a'", "testFailed name='a' message='m'", "testStarted name='b'")
    assert short(log) == ["test_start name=a", "failed a", "test_start name=b"]


def test_a_comparison_tells_both_sides() -> None:
    log = tc("testStarted name='a'", "testFailed name='a' expected='1' actual=''",
             "testFinished name='a'")  # fmt: skip
    assert events(log)[-1] == {
        "event": "test_end", "name": "a", "status": "failed", "expected": "1", "actual": "",
    }  # fmt: skip


def test_a_test_that_is_ignored_after_its_start_ends_once() -> None:
    log = tc("testStarted name='a'", "testIgnored name='a'", "testFinished name='a'")
    assert short(log) == ["test_start name=a", "skipped a"]


def test_an_end_without_a_test_is_unmatched() -> None:
    assert short(tc("testFinished name='a'")) == ["!unmatched_end"]


def test_a_test_that_never_ended_shares_the_fate_of_the_execution() -> None:
    assert short(tc("testStarted name='a'"), exit_code=0)[-1] == "passed a"
    assert short(tc("testStarted name='a'"), exit_code=3)[-1] == "failed a"


def test_a_suite_that_ends_takes_its_running_test_along() -> None:
    log = tc("testSuiteStarted name='s'", "testStarted name='a'", "testSuiteFinished name='s'")
    assert short(log) == ["+s", "test_start name=a", "passed a", "-s:completed"]


def test_flows_are_lanes() -> None:
    log = tc("blockOpened name='a' flowId='1'", "blockOpened name='b' flowId='2'",
             "blockOpened name='c' flowId='1'", "blockClosed name='b' flowId='1'")  # fmt: skip
    assert short(log) == ["+a", "+b", "+c(a)", "!unmatched_end"]


def test_a_started_flow_lies_in_its_parent() -> None:
    log = tc("blockOpened name='a' flowId='1'", "flowStarted flowId='2' parent='1'",
             "blockOpened name='b' flowId='2'")  # fmt: skip
    assert short(log) == ["+a", "+b(a)"]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("message text='x' status='FAILURE'", ["annotation level=error message=x"]),
        ("buildStatus status='FAILURE' text='x'", ["result status=failed message=x"]),
        ("buildStatus text='3 passed'", ["meta key=build_status value=3 passed"]),
        ("buildStatisticValue key='k' value='much'", ["!malformed"]),
        ("publishArtifacts 'a|nb=>c,-:d'", ["artifact path=a", "artifact path=b target=c"]),
        ("importData type='junit' path='x'", ["!unsupported_command"]),
        ("compilationFinished compiler='x'", ["!unmatched_end"]),
        ("message text='|x|l|p|r'", ["\u0085\u2028\u2029\r"]),
        ("message text='|0xd83d'", ["\ufffd"]),
        ("  message   text = 'a]b[' ", ["a]b["]),
    ],
)
def test_a_message_says(message: str, told: list[str]) -> None:
    assert short(tc(message)) == told


def test_a_closed_block_adopts_no_own_step() -> None:
    log = "STEP_START:a\nSTEP_START:b\n" + tc("blockClosed name='a'")
    assert short(log)[-1] == "!unmatched_end"
