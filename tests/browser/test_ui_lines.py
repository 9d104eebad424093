"""What a line of the log offers beside its text."""

import pytest
from playwright.sync_api import Browser, expect
from watched_page import WatchedPage

from server_process import ServerProcess

SCRIPT = r"""echo '{"level":"info","user":{"id":7}}'
for i in 1 2 3 4 5 6; do echo waiting; done
printf 'Traceback (most recent call last):\n'
for i in 1 2 3; do printf '  File "/srv/a.py", line 1, in f\n    call()\n'; done
echo 'ValueError: no'
printf '\033]8;;https://example.test/x\033\\the report\033]8;;\033\\ \033]8;;javascript:1\033\\b\n'
echo STEP_START:Outer; echo STEP_START:Inner; sleep 1.2; echo in inner
echo STEP_COMPLETE:Inner; echo STEP_COMPLETE:Outer
seq -f 'tail %.0f' 1 200"""


@pytest.fixture(scope="module")
def mixed_id(server: ServerProcess) -> str:
    execution_id = server.create(SCRIPT, name="mixed")
    server.ended(execution_id)
    return execution_id


def test_json_is_laid_out_and_what_repeats_is_folded(page: WatchedPage, mixed_id: str) -> None:
    page.open_execution(mixed_id).shows(1, "level")
    page.row(1).get_by_role("button", name="Lay out the JSON").click()
    expect(page.row(1).locator("pre")).to_contain_text('"id": 7')
    expect(page.row(3)).to_have_count(0)
    page.row(2).get_by_role("button", name="5 more like it").click()
    page.shows(7, "waiting")
    page.row(8).get_by_role("button", name="6 lines of the trace").click()
    page.shows(9, "/srv/a.py")
    page.page.reload()
    page.shows(15, "ValueError")
    expect(page.row(9)).to_have_count(0)
    page.press("o")
    page.shows(9, "/srv/a.py")


def test_a_folded_repetition_opens_for_a_link_and_for_a_hit(
    page: WatchedPage, mixed_id: str
) -> None:
    page.open_execution(mixed_id, "#L5").shows(5, "waiting")
    page.press("/")
    page.page.keyboard.type("a.py")
    page.shows(9, "/srv/a.py")


def test_a_link_of_the_terminal_is_a_link_only_to_the_web(page: WatchedPage, mixed_id: str) -> None:
    page.open_execution(mixed_id).shows(16, "the report b")
    links = page.row(16).locator(".text a")
    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://example.test/x")
    expect(links).to_have_attribute("rel", "noopener noreferrer")


def test_times_can_be_seen_in_five_ways(page: WatchedPage, mixed_id: str) -> None:
    page.open_execution(mixed_id).shows(19, "in inner")
    time = page.row(19).locator(".time")
    shown = []
    for _ in range(4):
        page.press("t")
        shown.append(time.get_attribute("data-time") or "")
    clock, run, step, delta = shown
    assert clock.count(":") == 2
    assert run.startswith("00:01.")
    assert step.startswith("00:01.")
    assert delta.startswith("+1.")
    assert float(time.evaluate("(time) => time.style.getPropertyValue('--heat')")) > 0


def test_addresses_name_steps_and_times(
    page: WatchedPage, server: ServerProcess, mixed_id: str
) -> None:
    page.open_execution(mixed_id, "?step=Outer/Inner")
    page.shows(18, "Inner")
    lines = server.client.get(f"/api/executions/{mixed_id}/logs").json()["lines"]
    page.open_execution(mixed_id, f"?t={lines[18]['at'].replace('+', '%2B')}")
    page.shows(19, "in inner")
    page.press(":")
    page.page.get_by_label("Go to").fill("nowhere")
    page.press("Enter")
    expect(page.page.get_by_label("Go to")).to_have_attribute("aria-invalid", "true")
    page.page.get_by_label("Go to").fill("150")
    page.press("Enter")
    page.shows(150, "tail")
    assert page.page.url.endswith("#L150")


def test_bookmarks_are_remembered_and_zen_shows_only_the_log(
    page: WatchedPage, mixed_id: str
) -> None:
    page.open_execution(mixed_id, "#L150").shows(150, "tail")
    page.press("m", "Home")
    page.page.reload()
    page.open_execution(mixed_id).shows(1, "level")
    page.press("'")
    page.shows(150, "tail")
    assert "bookmarked" in (page.row(150).get_attribute("class") or "")
    page.press("z")
    box = page.page.locator(".view").bounding_box()
    assert box
    assert (box["x"], box["y"], box["height"]) == (0, 0, 800)
    page.press("Escape")
    expect(page.page.locator(".view.zen")).to_have_count(0)


def test_a_finger_on_a_line_gets_what_can_be_done_with_it(
    browser: Browser, server: ServerProcess, mixed_id: str
) -> None:
    with WatchedPage(
        browser, server.url, has_touch=True, viewport={"width": 360, "height": 700}
    ) as page:
        page.open_execution(mixed_id).shows(1, "level")
        assert page.page.locator(".log").evaluate("(log) => log.scrollWidth - log.clientWidth") == 0
        page.row(1).locator(".text").tap()
        page.page.get_by_role("button", name="Copy line").tap()
        expect(page.page.get_by_text("1 line copied")).to_be_visible()
        page.page.get_by_role("button", name="End", exact=True).tap()
        page.shows(221, "tail 200")
