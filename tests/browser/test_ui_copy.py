from pathlib import Path

import pytest
from playwright.sync_api import expect
from watched_page import WatchedPage

from server_process import ServerProcess


@pytest.fixture(scope="module")
def long_id(server: ServerProcess) -> str:
    execution_id = server.create(
        "seq 1 5000 | awk '{ print \"\\033[32mline\\033[0m \" $1 }'", name="painted"
    )
    server.ended(execution_id)
    return execution_id


def clipboard(page: WatchedPage) -> str:
    return str(page.page.evaluate("navigator.clipboard.readText()"))


def test_a_selection_keeps_lines_that_are_not_in_view_any_more(
    page: WatchedPage, long_id: str
) -> None:
    page.open_execution(long_id).shows(2, "line 2")
    page.row(2).locator(".text").click(position={"x": 2, "y": 10})
    page.page.locator(".log").evaluate("(log) => { log.scrollTop = 3000 * 20; }")
    page.shows(3005, "line 3005")
    page.row(3005).locator(".text").click(position={"x": 31, "y": 10}, modifiers=["Shift"])
    page.press("Control+c")
    expect(page.page.get_by_text("3,004 lines copied")).to_be_visible()
    lines = clipboard(page).split("\n")
    assert (lines[0], lines[1], lines[-2], lines[-1]) == ("line 2", "line 3", "line 3004", "line")


def test_a_copy_of_everything_is_the_text_alone(page: WatchedPage, long_id: str) -> None:
    page.open_execution(long_id).shows(1, "line 1")
    page.press("Control+a", "End")
    page.shows(5000, "line 5000")
    page.press("Control+c")
    expect(page.page.get_by_text("5,000 lines copied")).to_be_visible()
    assert clipboard(page) == "\n".join(f"line {n}" for n in range(1, 5001))


def test_chosen_lines_are_copied_as_markdown_with_their_link(
    page: WatchedPage, long_id: str
) -> None:
    page.open_execution(long_id, "#L5-L6").shows(6, "line 6")
    page.press("y")
    expect(page.page.get_by_text("2 lines copied")).to_be_visible()
    link = f"{page.url}/executions/{long_id}#L5-L6"
    assert clipboard(page) == f"[painted, lines 5 to 6]({link})\n\n```\nline 5\nline 6\n```\n"


def test_too_much_for_the_clipboard_is_offered_as_a_file(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create("yes 'a line of some length' | head -c 8100000")
    server.ended(execution_id)
    page.open_execution(execution_id).shows(1, "a line")
    page.press("Control+a", "Control+c")
    expect(page.page.get_by_text("8.1 MB is too much for the clipboard.")).to_be_visible()
    with page.page.expect_download() as download:
        page.page.locator(".offer").get_by_role("link", name="Download").click()
    assert download.value.path().stat().st_size == 8_100_000


def test_nothing_moves_under_a_selection(
    page: WatchedPage, server: ServerProcess, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    execution_id = server.create(
        f"seq -f 'line %.0f' 1 300; until test -e {go}; do sleep 0.1; done; "
        "seq -f 'more %.0f' 1 200; sleep 600"
    )
    page.open_execution(execution_id).shows(300, "line 300")
    page.row(299).locator(".text").dblclick(position={"x": 5, "y": 10})
    top = page.page.locator(".log").evaluate("(log) => log.scrollTop")
    go.touch()
    expect(page.page.get_by_role("button", name="200 new lines — press F")).to_be_visible()
    assert page.page.locator(".log").evaluate("(log) => log.scrollTop") == top
    assert page.page.evaluate("getSelection().toString()").strip() == "line"
    page.press("f")
    page.shows(500, "more 200")
    server.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})
