"""Logging commands of Azure Pipelines, beyond the shared vectors."""

import pytest
from saying import events, short


@pytest.mark.parametrize(
    "text",
    [
        "+ echo '##vso[task.setvariable variable=v]x'",
        "++ ##vso[task.debug]x",
        "echo \"##vso[task.debug]x\"",
        "`##vso[task.debug]x` is a command",
        "x ##[section]y",
    ],
)  # fmt: skip
def test_source_that_is_echoed_is_a_line(text: str) -> None:
    assert short(text) == [text]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("task.setprogress value=250", ["progress value=1.0"]),
        ("task.setprogress value=-3", ["progress value=0.0"]),
        ("task.setprogress value=half", ["!malformed"]),
        ("task.setprogress", ["!malformed"]),
        ("task.complete result=canceled", ["result status=cancelled"]),
        ("task.complete", ["!malformed"]),
        ("task.setvariable issecret=true", ["!malformed"]),
        ("task.uploadfile", ["!malformed"]),
        ("task.setsecret", ["!empty_mask"]),
        ("task.logdetail name=a;type=b", ["!malformed"]),
        ("task.logdetail id=1;name=a", ["!malformed"]),
        ("task.logdetail id=1;name=a;type=b;parentid=0", ["!malformed"]),
        ("nobody.knows", ["##vso[nobody.knows]", "!unknown_command"]),
    ],
)
def test_a_command_says(command: str, told: list[str]) -> None:
    assert short(f"##vso[{command}]") == told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("##vso[build.addbuildtag]nightly", "meta key=build_tag value=nightly"),
        ("##vso[build.updatebuildnumber]1.2", "meta key=build_number value=1.2"),
        ("##vso[build.uploadlog]/a.log", "artifact path=/a.log kind=log"),
        ("##vso[build.uploadsummary]/a.md", "summary path=/a.md"),
        (
            "##vso[artifact.upload containerfolder=c;artifactname=n]/p",
            "artifact path=/p name=n target=c",
        ),
        ("##vso[task.addattachment type=t;name=n]/p", "artifact path=/p name=n type=t"),
        ("##vso[task.prependpath]/bin", "env name=PATH prepend=/bin"),
        ("##vso[task.debug]d", "debug: d"),
    ],
)
def test_what_a_command_hands_over(line: str, told: str) -> None:
    assert short(line) == [told]


def test_a_short_secret_is_refused_and_still_hidden() -> None:
    told = events("##vso[task.setvariable variable=t;issecret=TRUE]ab")
    assert [e["event"] for e in told] == ["warning", "output"]
    assert told[1]["value"] == "***"


def test_records_run_side_by_side() -> None:
    record = "##vso[task.logdetail id={};{}]\n"
    log = record.format(1, "name=a;type=t") + record.format(2, "name=b;type=t")
    log += record.format(1, "state=Completed;result=Skipped")
    log += record.format(2, "state=completed;result=Succeeded")
    assert short(log) == ["+a", "+b", "-a:skipped", "-b:completed"]


def test_a_record_that_is_over_needs_a_name_again() -> None:
    log = "##vso[task.logdetail id=1;name=a;type=t;state=Completed]\n"
    assert short(log + "##vso[task.logdetail id=1;progress=5]") == [
        "+a", "-a:completed", "!malformed",
    ]  # fmt: skip


def test_brackets_work_without_the_other_language() -> None:
    assert short("##[group]a\n##[endgroup]\n::group::b", dialects=["azure"]) == [
        "+a", "-a:completed", "::group::b",
    ]  # fmt: skip
