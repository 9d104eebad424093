import pytest
from playwright.sync_api import expect
from watched_page import WatchedPage

from eventually import eventually
from server_process import ServerProcess

MOST_ROWS = 300


@pytest.fixture(scope="module")
def long_id(server: ServerProcess) -> str:
    execution_id = server.create("seq -f 'line %.0f of many' 1 100000", name="long")
    server.ended(execution_id)
    return execution_id


@pytest.mark.parametrize("number", [1, 777, 50_000, 99_990, 100_000])
def test_any_line_of_a_long_log_opens_by_its_address(
    page: WatchedPage, long_id: str, number: int
) -> None:
    page.open_execution(long_id, f"#L{number}")
    page.shows(number, f"line {number} of many")
    assert "chosen" in (page.row(number).get_attribute("class") or "")
    assert page.page.locator(".row").count() <= MOST_ROWS


def test_home_and_end_go_to_the_true_start_and_end(page: WatchedPage, long_id: str) -> None:
    page.open_execution(long_id)
    page.shows(1, "line 1 of many")
    page.press("End")
    page.shows(100_000, "line 100000 of many")
    page.press("PageUp")
    page.shows(99_950, "line 99950 of many")
    page.press("Home")
    page.shows(1, "line 1 of many")


def test_a_drag_of_the_scroll_bar_shows_the_lines_of_its_place(
    page: WatchedPage, long_id: str
) -> None:
    page.open_execution(long_id)
    page.page.locator(".log").evaluate("(log) => { log.scrollTop = 40000 * 20; }")
    page.shows(40_001, "line 40001 of many")
    assert page.page.locator(".row").count() <= MOST_ROWS


def test_a_log_taller_than_browsers_allow_is_reached_at_every_line(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create("seq 1 3000000")
    server.ended(execution_id)
    page.open_execution(execution_id, "#L1500000")
    page.shows(1_500_000, "1500000")
    page.press("PageDown")
    page.shows(1_500_030, "1500030")
    page.page.mouse.move(700, 500)
    page.page.mouse.wheel(0, 400)
    page.shows(1_500_060, "1500060")
    page.press("End")
    page.shows(3_000_000, "3000000")
    page.press("g")
    page.shows(1, "1")


def test_a_chosen_range_is_in_the_address(page: WatchedPage, long_id: str) -> None:
    page.open_execution(long_id)
    page.row(5).locator(".number").click()
    page.row(9).locator(".number").click(modifiers=["Shift"])
    assert page.page.url.endswith("#L5-L9")


def test_the_minimap_leads_to_every_place(page: WatchedPage, long_id: str) -> None:
    page.open_execution(long_id).shows(1, "line 1")
    box = page.page.locator(".minimap").bounding_box()
    assert box
    page.page.mouse.move(box["x"] + 5, box["y"] + 2)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 5, box["y"] + box["height"])
    page.shows(100_000, "line 100000 of many")
    page.page.mouse.move(box["x"] + 5, box["y"] - 50)
    page.shows(1, "line 1 of many")
    page.page.mouse.up()


def test_a_search_counts_the_whole_log_and_walks_through_it(
    page: WatchedPage, long_id: str
) -> None:
    page.open_execution(long_id)
    page.press("/")
    page.page.keyboard.type("9999")
    expect(page.page.get_by_text("1 of 19", exact=True)).to_be_visible()
    page.page.get_by_role("button", name="Previous match").click()
    expect(page.page.get_by_text("19 of 19", exact=True)).to_be_visible()
    page.shows(99_999, "line 99999 of many")
    assert page.row(99_999).locator(".hit").count() == 1


def test_a_bad_pattern_says_so(page: WatchedPage, long_id: str) -> None:
    page.open_execution(long_id)
    page.press("/")
    page.page.get_by_role("button", name="Regular expression").click()
    page.page.get_by_role("textbox", name="Search the whole log").fill("(")
    expect(page.page.locator("[role=search] .bad")).to_be_visible()


def test_a_pattern_is_marked_where_it_is_on_a_coloured_line(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create(r"printf '\033[31mE \033[1massert\033[0m one\n'")
    server.ended(execution_id)
    page.open_execution(execution_id).press("/")
    page.page.get_by_role("button", name="Regular expression").click()
    page.page.get_by_role("textbox", name="Search the whole log").fill("ass[a-z]+")
    expect(page.row(1).locator(".hit")).to_have_text("assert")


def test_hostile_output_is_inert_text(page: WatchedPage, server: ServerProcess) -> None:
    execution_id = server.create(
        r"""printf '<script>window.hit=1</script><img src=x onerror="window.hit=1">\n'
printf '\033]8;;javascript:window.hit=1\033\\link\033]8;;\033\\ \033]52;c;c3RvbGVu\007 behind\n'
printf '\033[2J\033[H\033[?1049h\033]0;title\007 bomb \033P1$r\033\\ ok\n'"""
    )
    server.ended(execution_id)
    page.open_execution(execution_id)
    page.shows(1, '<script>window.hit=1</script><img src=x onerror="window.hit=1">')
    page.shows(2, "link  behind")
    page.shows(3, " bomb  ok")
    assert page.page.locator(".log a[href^=javascript], .log img, .log script").count() == 0
    assert page.page.evaluate("window.hit") is None
    assert "title" not in page.page.title()


def test_words_of_a_megabyte_and_other_scripts_are_lines_like_others(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create(
        "head -c 1000000 /dev/zero | tr '\\0' w; echo; echo 'שלום עולם \U0001f680 漢字'; "
        "printf 'a%.0s\\r' $(seq 5000); echo; seq 1 500"
    )
    server.ended(execution_id)
    page.open_execution(execution_id).shows(2, "שלום עולם \U0001f680 漢字")
    page.press("w")
    page.page.get_by_role("button", name="show all 1.0 MB").click()
    expect(page.page.locator("pre.whole")).to_be_visible()
    page.press("Escape", "End")
    page.shows(503, "500")
    page.press("Home")
    page.shows(1, "www")


def test_colours_reach_the_page(page: WatchedPage, server: ServerProcess) -> None:
    execution_id = server.create(r"printf '\033[1;31mred\033[0m plain \033[38;2;0;0;200mblue\n'")
    server.ended(execution_id)
    page.open_execution(execution_id)
    page.shows(1, "red plain blue")
    colours = page.row(1).evaluate(
        """(row) => [...row.querySelectorAll('span span')]
            .map((part) => getComputedStyle(part).color)"""
    )
    assert len(set(colours)) == 2
    assert page.row(1).locator(".bold").inner_text() == "red"


def test_a_redrawn_line_is_its_last_state(page: WatchedPage, server: ServerProcess) -> None:
    execution_id = server.create(r"printf '10%%\r50%%\r100%%\ndone\n'")
    server.ended(execution_id)
    page.open_execution(execution_id)
    page.shows(1, "100%")
    assert page.row(1).locator(".text").inner_text() == "100%"
    page.page.get_by_role("button", name="Redrawn 3 times").click()
    expect(page.page.locator("pre.whole")).to_have_text("10%\n50%\n100%")


def test_a_line_redrawn_ten_thousand_times_is_its_last_state(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create("seq -s '\r' -f 'at %.0f' 1 10000")
    server.ended(execution_id)
    page.open_execution(execution_id)
    expect(page.row(1).locator(".text")).to_have_text("at 10000")


def test_a_very_long_line_is_clipped_and_shown_whole_when_asked(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create("head -c 600000 /dev/zero | tr '\\0' x; echo; echo after")
    server.ended(execution_id)
    page.open_execution(execution_id)
    page.shows(2, "after")
    assert len(page.row(1).locator(".text").inner_text()) <= 4096
    page.page.get_by_role("button", name="show all 600 kB").click()
    more = page.page.get_by_role("button", name="Load more")
    more.click()
    more.click()
    whole = page.page.locator("pre.whole")
    eventually(lambda: len(whole.inner_text()) == 600_000)
    expect(more).to_be_hidden()


def test_steps_head_their_lines_and_control_lines_can_be_seen(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create(
        "echo STEP_START:Alpha; seq 1 200; echo STEP_COMPLETE:Alpha; "
        "echo STEP_START:Beta; echo in beta"
    )
    server.ended(execution_id)
    page.open_execution(execution_id)
    expect(page.row(1).locator("strong")).to_have_text("Alpha")
    page.press("h")
    page.shows(1, "STEP_START:Alpha")
    page.press("h")
    page.page.get_by_role("treeitem", name="Beta,").click()
    page.shows(204, "in beta")


def test_a_failed_execution_opens_at_its_error_and_says_why(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create(
        "echo STEP_START:Test; seq 1 500; echo boom; echo STEP_ERROR:disk is full; "
        "seq 1 500; exit 3"
    )
    server.ended(execution_id)
    page.open_execution(execution_id)
    page.shows(502, "boom")
    card = page.page.get_by_role("region", name="Why it ended")
    expect(card).to_contain_text("Failed with exit code 3")
    expect(card).to_contain_text("disk is full")
    expect(card).to_contain_text("boom")


def test_artifacts_show_what_became_of_them(page: WatchedPage, server: ServerProcess) -> None:
    execution_id = server.create(
        "echo kept > kept.txt; echo ARTIFACT:kept.txt:A file; echo ARTIFACT:gone.txt:Nothing"
    )
    server.ended(execution_id)
    page.open_execution(execution_id, "?view=artifacts")
    expect(page.page.get_by_text("Missing", exact=True)).to_be_visible()
    with page.page.expect_download() as download:
        page.page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text() == "kept\n"


@pytest.fixture(scope="module")
def stepped_id(server: ServerProcess) -> str:
    execution_id = server.create(
        "echo STEP_START:Alpha; seq -f 'alpha %.0f' 1 200; echo STEP_COMPLETE:Alpha; "
        "echo STEP_START:Beta; seq -f 'beta %.0f' 1 200; echo STEP_ERROR:beta broke; "
        "echo STEP_START:Gamma; seq -f 'gamma %.0f' 1 200; echo STEP_COMPLETE:Gamma"
    )
    server.ended(execution_id)
    return execution_id


def test_a_folded_step_is_its_head_and_stays_folded(page: WatchedPage, stepped_id: str) -> None:
    page.open_execution(stepped_id)
    page.press("Home")
    page.row(1).get_by_role("button", name="Lines of Alpha").click()
    page.shows(203, "Beta")
    expect(page.row(2)).to_have_count(0)
    page.page.reload()
    page.press("Home")
    page.shows(1, "Alpha")
    page.shows(204, "beta 1")
    expect(page.row(2)).to_have_count(0)
    page.row(1).get_by_role("button", name="Lines of Alpha").click()
    page.shows(2, "alpha 1")


def test_fold_all_leaves_trouble_open(page: WatchedPage, stepped_id: str) -> None:
    page.open_execution(stepped_id)
    page.press("Home", "E")
    page.shows(204, "beta 1")
    expect(page.row(2)).to_have_count(0)
    page.press("End")
    page.shows(405, "Gamma")
    expect(page.row(406)).to_have_count(0)
    page.press("e", "End")
    page.shows(605, "gamma 200")


def test_links_and_search_open_folded_steps(page: WatchedPage, stepped_id: str) -> None:
    page.open_execution(stepped_id)
    page.press("E")
    page.open_execution(stepped_id, "#L100").shows(100, "alpha 99")
    page.open_execution(stepped_id).press("/")
    page.page.keyboard.type("gamma 150")
    page.shows(555, "gamma 150")
    page.press("Escape", "Home")
    page.shows(1, "Alpha")
    expect(page.row(2)).to_have_count(0)


def test_the_head_of_a_step_stays_in_view_and_folds_it(page: WatchedPage, stepped_id: str) -> None:
    page.open_execution(stepped_id, "#L350").shows(350, "beta 147")
    head = page.page.get_by_role("navigation", name="Steps at the top of the view")
    expect(head.get_by_role("button", name="Beta")).to_have_count(2)
    page.press("Enter")
    page.shows(203, "Beta")
    expect(page.row(350)).to_have_count(0)
    page.press("Enter")
    page.shows(204, "beta 1")
