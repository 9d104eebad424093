from pathlib import Path

import pytest
from playwright.sync_api import expect
from watched_page import WatchedPage

from server_process import ServerProcess


@pytest.fixture(scope="module")
def long_id(server: ServerProcess) -> str:
    """20,000 lines, and 2,000 more that say `needle`."""
    execution_id = server.create(
        "awk 'BEGIN { for (n = 1; n <= 20000; n++) "
        '{ print "line " n; if (n % 10 == 0) print "a needle " n } }\''
    )
    server.ended(execution_id)
    return execution_id


def seek(page: WatchedPage, text: str) -> None:
    page.press("/")
    page.page.get_by_role("textbox", name="Search the whole log").fill(text)


def test_the_hits_are_listed_with_their_surroundings(page: WatchedPage, long_id: str) -> None:
    page.open_execution(long_id)
    seek(page, "NEEDLE 5")
    expect(page.page.get_by_text("1 of 111", exact=True)).to_be_visible()
    page.page.get_by_role("button", name="List", exact=True).click()
    hits = page.page.get_by_role("region", name="Matches").get_by_role("button")
    expect(hits.nth(1)).to_contain_text("line 500 a needle 500 line 501")
    hits.nth(1).click()
    page.shows(550, "a needle 500")
    expect(page.page.get_by_text("2 of 111", exact=True)).to_be_visible()
    assert "current" in (page.row(550).get_attribute("class") or "")


def test_the_filter_shows_only_hits_and_leads_back_to_the_log(
    page: WatchedPage, long_id: str
) -> None:
    page.open_execution(long_id)
    seek(page, "needle")
    page.page.get_by_role("button", name="Filter", exact=True).click()
    page.shows(22, "a needle 20")
    expect(page.row(21)).to_have_count(0)
    page.page.locator(".log").press("End")
    page.shows(22_000, "a needle 20000")
    page.row(22_000).hover()
    page.row(22_000).get_by_role("button", name="in context").click()
    page.shows(21_999, "line 20000")


def test_a_search_begins_where_somebody_reads(page: WatchedPage, long_id: str) -> None:
    page.open_execution(long_id, "#L21000").shows(21_000, "line")
    seek(page, "needle")
    expect(page.page.get_by_text("1,909 of 2,000", exact=True)).to_be_visible()
    page.shows(20_999, "a needle 19090")
    page.page.locator(".log").press("N")
    page.shows(20_988, "a needle 19080")
    expect(page.page.get_by_text("1,908 of 2,000", exact=True)).to_be_visible()


def test_whole_words_and_patterns_are_marked_far_down_the_log(
    page: WatchedPage, long_id: str
) -> None:
    page.open_execution(long_id, "#L21000").shows(21_000, "line")
    seek(page, "line 1909")
    page.page.get_by_role("button", name="Whole words").click()
    expect(page.page.get_by_text("1 of 1", exact=True)).to_be_visible()
    page.page.get_by_role("button", name="Regular expression").click()
    page.page.get_by_role("textbox", name="Search the whole log").fill(r"needle \d{5}")
    # The first match after the place where somebody reads is gone to: only then somewhere else.
    expect(page.page.get_by_text("of 1,001", exact=False)).to_be_visible()
    expect(page.row(2100).locator(".hit")).to_have_count(0)
    page.page.locator(".log").press("End")
    expect(page.row(22_000).locator(".hit")).to_have_text("needle 20000")


def test_a_search_keeps_to_its_scope_and_finds_new_lines(
    page: WatchedPage, server: ServerProcess, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    execution_id = server.create(
        "echo STEP_START:A; echo hit 1; echo STEP_COMPLETE:A; echo STEP_START:B; echo hit 2; "
        f"until test -e {go}; do sleep 0.1; done; echo hit 3; sleep 600"
    )
    page.open_execution(execution_id).shows(5, "hit 2")
    seek(page, "hit")
    expect(page.page.get_by_text("1 of 2", exact=True)).to_be_visible()
    go.touch()
    expect(page.page.get_by_text("1 of 3", exact=True)).to_be_visible()
    page.page.get_by_role("combobox").select_option(label="Step A")
    expect(page.page.get_by_text("1 of 1", exact=True)).to_be_visible()
    server.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})
