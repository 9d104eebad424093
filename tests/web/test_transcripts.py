from pathlib import Path
from typing import Any

import pytest

from eventually import eventually
from served import Served

SCRIPT = (
    "echo before; echo STEP_START:one; echo in one; echo STEP_COMPLETE:one; printf 'no newline'"
)


@pytest.fixture(scope="module")
def execution_id(served: Served) -> str:
    return str(served.run(SCRIPT)["id"])


def logs(served: Served, execution_id: str, **query: Any) -> dict[str, Any]:
    answer = served.client.get(f"/api/executions/{execution_id}/logs", params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def texts(page: dict[str, Any]) -> list[str]:
    return [line["text"] for line in page["lines"]]


def test_lines_have_numbers_places_times_and_steps(served: Served, execution_id: str) -> None:
    page = logs(served, execution_id)
    assert texts(page) == ["before", "STEP_START:one", "in one", "STEP_COMPLETE:one", "no newline"]
    assert [line["line"] for line in page["lines"]] == [0, 1, 2, 3, 4]
    assert [line["step"] for line in page["lines"]] == [None, 0, 0, 0, None]
    assert page["lines"][1]["offset"] == len("before\n")
    assert all(line["at"] for line in page["lines"])
    assert (page["next"], page["line_count"], page["is_complete"]) == ("4:10", 5, True)


def test_pages_follow_one_another_by_cursor_without_gap_or_repeat(
    served: Served, execution_id: str
) -> None:
    cursor, found = "0", []
    while True:
        page = logs(served, execution_id, cursor=cursor, limit=2)
        found += texts(page)
        cursor = page["next"]
        if page["is_complete"]:
            break
    assert found == texts(logs(served, execution_id))
    after = logs(served, execution_id, cursor=cursor)
    assert (after["lines"], after["next"]) == ([], cursor)


def test_the_tail_and_a_step_can_be_asked_for(served: Served, execution_id: str) -> None:
    assert texts(logs(served, execution_id, tail=2)) == ["STEP_COMPLETE:one", "no newline"]
    expected = ["STEP_START:one", "in one", "STEP_COMPLETE:one"]
    for step in ("0", "one"):
        assert texts(logs(served, execution_id, step=step)) == expected
    assert texts(logs(served, execution_id, step="one", tail=1)) == expected[-1:]
    answer = served.client.get(f"/api/executions/{execution_id}/logs?step=two")
    assert answer.status_code == 404


def test_a_long_line_is_clipped_and_its_rest_is_there(served: Served) -> None:
    execution_id = served.run("head -c 50000 /dev/zero | tr '\\0' x; echo; echo after")["id"]
    page = logs(served, execution_id, max_line_bytes=1000)
    assert [len(text) for text in texts(page)] == [1000, 5]
    first = page["lines"][0]
    assert (first["clipped"], first["length"], page["lines"][1]["line"]) == (True, 50000, 1)
    rest = logs(served, execution_id, cursor="0:1000", max_line_bytes=1 << 20)
    assert [len(text) for text in texts(rest)] == [49000, 5]
    assert (rest["lines"][0]["byte"], rest["lines"][0]["clipped"]) == (1000, False)


@pytest.mark.parametrize("cursor", ["x", "-1", "99", "0:99", "1:2:3", "9" * 30])
def test_a_cursor_that_points_nowhere_is_refused(
    served: Served, execution_id: str, cursor: str
) -> None:
    answer = served.client.get(f"/api/executions/{execution_id}/logs", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


def test_the_raw_log_is_byte_exact_and_takes_ranges(served: Served) -> None:
    execution_id = served.run("printf 'a\\000\\377\\r\\nb'")["id"]
    path = f"/api/executions/{execution_id}/log"
    whole = served.client.get(path)
    assert whole.content == b"a\0\xff\r\nb"
    assert whole.headers["content-type"].startswith("text/plain")
    assert "sandbox" in whole.headers["content-security-policy"]
    for asked, status, content, placed in (
        ("bytes=1-2", 206, b"\0\xff", "bytes 1-2/6"),
        ("bytes=-1", 206, b"b", "bytes 5-5/6"),
        ("bytes=4-", 206, b"\nb", "bytes 4-5/6"),
        ("bytes=0-999", 206, b"a\0\xff\r\nb", "bytes 0-5/6"),
        ("lines=1-2", 200, b"a\0\xff\r\nb", None),
    ):
        part = served.client.get(path, headers={"Range": asked})
        assert (part.status_code, part.content) == (status, content)
        assert part.headers.get("content-range") == placed
    beyond = served.client.get(path, headers={"Range": "bytes=6-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */6")


def test_the_raw_log_of_a_step_is_a_part_of_it(served: Served, execution_id: str) -> None:
    path = f"/api/executions/{execution_id}/log"
    expected = "STEP_START:one\nin one\nSTEP_COMPLETE:one\n"
    assert served.client.get(path, params={"step": "one"}).text == expected
    download = served.client.get(path, params={"download": "1"})
    assert download.headers["content-disposition"] == f'attachment; filename="{execution_id}.log"'
    head = served.client.head(path)
    assert int(head.headers["content-length"]) == len(download.content)


def test_search_finds_lines_with_their_surroundings(served: Served) -> None:
    execution_id = served.run("seq 1 1000; echo 'Täglich Error 7'")["id"]
    path = f"/api/executions/{execution_id}/search"
    found = served.client.get(path, params={"q": "error", "context": 1}).json()
    [match] = found["matches"]
    assert (match["line"], match["text"], match["ranges"]) == (1000, "Täglich Error 7", [[8, 13]])
    assert (match["before"], match["after"]) == (["1000"], [])
    assert (found["total"], found["total_is_exact"], found["next"]) == (1, True, None)
    assert served.client.get(path, params={"q": "error", "case": "1"}).json()["total"] == 0
    assert served.client.get(path, params={"q": "^1.0$", "regex": "1"}).json()["total"] == 10
    assert served.client.get(path, params={"q": "7", "from": 100, "to": 200}).json()["total"] == 19


def test_search_pages_by_cursor_with_the_true_total(served: Served) -> None:
    execution_id = served.run("seq 1 500")["id"]
    path = f"/api/executions/{execution_id}/search"
    cursor, numbers = None, []
    while True:
        query = {"q": "5", "limit": 50} | ({"cursor": cursor} if cursor else {})
        found = served.client.get(path, params=query).json()
        assert found["total"] == sum("5" in str(number) for number in range(1, 501))
        numbers += [match["text"] for match in found["matches"]]
        cursor = found["next"]
        if cursor is None:
            break
    assert numbers == [str(number) for number in range(1, 501) if "5" in str(number)]


def test_a_search_can_begin_at_the_end(served: Served) -> None:
    execution_id = served.run("seq 1 300")["id"]
    query = {"q": "7", "last": 1, "limit": 2, "to": 99, "context": 1}
    found = served.client.get(f"/api/executions/{execution_id}/search", params=query).json()
    assert [match["text"] for match in found["matches"]] == ["87", "97"]
    assert (found["matches"][1]["before"], found["next"]) == (["96"], None)


def test_lines_from_a_time_on(served: Served) -> None:
    execution_id = served.run("echo early; sleep 0.4; echo late")["id"]
    late = logs(served, execution_id)["lines"][1]["at"]
    assert texts(logs(served, execution_id, since=late)) == ["late"]
    assert texts(logs(served, execution_id, since="2020-01-01T00:00:00Z")) == ["early", "late"]
    assert texts(logs(served, execution_id, since="2099-01-01T00:00:00Z")) == ["late"]


def test_the_raw_log_of_a_range_of_lines(served: Served, execution_id: str) -> None:
    def raw(**query: int) -> tuple[int, str]:
        answer = served.client.get(f"/api/executions/{execution_id}/log", params=query)
        return answer.status_code, answer.text

    assert raw(**{"from": 1, "to": 2}) == (200, "STEP_START:one\nin one\n")
    assert raw(**{"from": 4}) == (200, "no newline")
    assert raw(**{"from": 9, "to": 12}) == (200, "")
    assert raw(**{"from": 3, "to": 2})[0] == 422


@pytest.mark.parametrize("query", ["q=", "regex=1&q=(", "q=x&limit=0", "q=x&cursor=y", "context=1"])
def test_a_bad_search_is_refused(served: Served, execution_id: str, query: str) -> None:
    answer = served.client.get(f"/api/executions/{execution_id}/search?{query}")
    assert answer.status_code == 422, answer.text


def test_an_execution_that_never_started_has_an_empty_log(served: Served) -> None:
    execution_id = served.run(["no-such-program-here"])["id"]
    page = logs(served, execution_id)
    assert (page["lines"], page["is_complete"]) == ([], True)
    assert served.client.get(f"/api/executions/{execution_id}/log").content == b""


def test_a_growing_log_is_not_complete_before_its_end(served: Served, tmp_path: Path) -> None:
    go = tmp_path / "go"
    execution_id = served.start(f"printf part; until [ -e {go} ]; do sleep 0.01; done; echo ial")
    page = eventually(lambda: (found := logs(served, execution_id))["lines"] and found)
    assert (texts(page), page["next"], page["is_complete"]) == (["part"], "0:4", False)
    go.touch()
    eventually(lambda: served.status(execution_id) == "completed")
    rest = logs(served, execution_id, cursor="0:4")
    assert (texts(rest), rest["next"], rest["is_complete"]) == (["ial"], "1:0", True)
