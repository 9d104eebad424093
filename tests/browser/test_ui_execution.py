import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, expect
from watched_page import WatchedPage

from server_process import ServerProcess

TREE = (
    "echo STEP_START:Build; echo STEP_START:Compile; seq 1 30; echo STEP_COMPLETE:Compile; "
    "echo STEP_START:Link; echo STEP_ERROR:no symbols; echo STEP_COMPLETE:Build; "
    "echo 'STEP_START:Left [id=l]'; echo 'STEP_START:Right [id=r]'; sleep 0.2; "
    "echo 'STEP_COMPLETE: [id=l]'; sleep 0.2; echo 'STEP_COMPLETE: [id=r]'; "
    "echo STEP_START:Last; seq 1 60; echo STEP_COMPLETE:Last"
)


@pytest.fixture(scope="module")
def tree_id(server: ServerProcess) -> str:
    for _ in range(2):
        server.ended(server.create(TREE, name="tree"))
    execution_id = server.create(TREE, name="tree")
    server.ended(execution_id)
    return execution_id


def step(page: WatchedPage, name: str) -> Locator:
    return page.page.get_by_role("treeitem", name=f"{name},")


def test_a_chosen_step_is_where_the_log_goes_and_the_log_marks_its_step(
    page: WatchedPage, tree_id: str
) -> None:
    page.open_execution(tree_id)
    step(page, "Last").click()
    page.shows(41, "Last")
    expect(step(page, "Last")).to_have_attribute("aria-selected", "true")
    page.press("Home")
    expect(step(page, "Build")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("width", [700, 1000, 1280, 2000])
def test_a_long_name_hides_neither_how_long_it_took_nor_how_it_ended(
    page: WatchedPage, server: ServerProcess, width: int
) -> None:
    page.page.set_viewport_size({"width": width, "height": 700})
    execution_id = server.create("true; exit 3", name="a long name " * 20)
    server.ended(execution_id)
    page.open_execution(execution_id)
    header = page.page.locator("header", has=page.page.get_by_role("heading", level=1))
    actions = header.locator(".actions").bounding_box()
    elapsed = header.locator(".elapsed").bounding_box()
    assert actions
    assert elapsed
    assert elapsed["x"] + elapsed["width"] <= actions["x"]
    if width > 860:
        explained = header.locator(".explanation").bounding_box()
        assert explained
        assert explained["width"] > 60
        assert explained["x"] + explained["width"] <= actions["x"]


def test_the_tree_of_steps_is_walked_by_keys(page: WatchedPage, tree_id: str) -> None:
    page.open_execution(tree_id)
    tree = page.page.get_by_role("tree")
    tree.focus()
    page.press("Home")
    expect(tree).to_have_attribute("aria-activedescendant", "step-0")
    page.press("ArrowLeft")
    expect(step(page, "Compile")).to_have_count(0)
    expect(step(page, "Build")).to_have_attribute("aria-expanded", "false")
    page.press("ArrowRight", "ArrowRight", "Enter")
    expect(tree).to_have_attribute("aria-activedescendant", "step-1")
    page.shows(2, "Compile")


def test_the_tree_shows_only_what_is_sought_or_troubled(page: WatchedPage, tree_id: str) -> None:
    page.open_execution(tree_id)
    page.page.get_by_role("button", name="Only steps with problems").click()
    expect(page.page.get_by_role("treeitem")).to_have_count(2)
    expect(step(page, "Link")).to_be_visible()
    page.page.get_by_role("button", name="Only steps with problems").click()
    page.page.get_by_role("searchbox", name="Filter steps").fill("las")
    expect(page.page.get_by_role("treeitem")).to_have_count(1)


def test_a_step_chosen_with_alt_stands_alone(page: WatchedPage, tree_id: str) -> None:
    page.open_execution(tree_id)
    step(page, "Last").click(modifiers=["Alt"])
    page.shows(42, "1")
    page.press("Home")
    page.shows(1, "Build")
    expect(page.row(2)).to_have_count(0)


def test_steps_are_measured_against_what_is_usual(page: WatchedPage, tree_id: str) -> None:
    page.open_execution(tree_id)
    expect(step(page, "Last").locator(".tick")).to_be_visible()
    assert "(last 2)" in (step(page, "Last").get_attribute("title") or "")


def test_ten_thousand_steps_are_a_short_list_of_rows(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create(
        "for i in $(seq 1 10000); do echo STEP_START:s$i; echo STEP_COMPLETE:s$i; done"
    )
    server.ended(execution_id)
    page.open_execution(execution_id)
    expect(step(page, "s1")).to_be_visible(timeout=20_000)
    assert page.page.get_by_role("treeitem").count() < 60
    page.page.get_by_role("tree").focus()
    page.press("End", "Enter")
    page.shows(19_999, "s10000")
    page.press("2")
    expect(page.page.locator(".timeline .current")).to_be_visible()
    assert page.page.locator(".timeline [data-step]").count() < 60


def test_the_width_of_the_steps_is_kept(page: WatchedPage, tree_id: str) -> None:
    page.open_execution(tree_id)
    handle = page.page.get_by_role("separator", name="Width of the steps")
    handle.focus()
    page.press("ArrowRight", "ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "340")
    page.page.reload()
    expect(handle).to_have_attribute("aria-valuenow", "340")


def test_a_number_opens_a_view_that_the_address_names(page: WatchedPage, tree_id: str) -> None:
    page.open_execution(tree_id)
    for key, name in enumerate(("Log", "Timeline", "Summary", "Artifacts", "Details"), 1):
        page.press(str(key))
        tab = page.page.get_by_role("tab", name=name)
        expect(tab).to_have_attribute("aria-selected", "true")
        assert page.page.url.endswith("" if key == 1 else f"?view={name.lower()}")


def test_a_bar_of_the_timeline_moves_the_log_and_the_log_marks_its_bar(
    page: WatchedPage, tree_id: str
) -> None:
    page.open_execution(tree_id, "?view=timeline")
    timeline = page.page.get_by_role("region", name="Timeline")
    timeline.get_by_role("button", name=re.compile("^Last, Completed")).click()
    page.shows(41, "Last")
    expect(timeline.locator(".current")).to_have_attribute("data-step", "5")
    page.page.get_by_role("log").focus()
    page.press("Home")
    expect(timeline.locator(".current")).to_have_attribute("data-step", "0")


def test_the_smallest_bar_can_be_hit_and_the_path_that_decided_is_outlined(
    page: WatchedPage, tree_id: str
) -> None:
    page.open_execution(tree_id, "?view=timeline")
    timeline = page.page.get_by_role("region", name="Timeline")
    box = timeline.get_by_role("button", name=re.compile("^Compile, ")).bounding_box()
    assert box is not None
    assert box["width"] >= 24
    assert box["height"] >= 24
    expect(timeline.get_by_role("button", name=re.compile("^Right.*decided"))).to_be_visible()
    expect(timeline.get_by_role("button", name=re.compile("^Left.*decided"))).to_have_count(0)


def test_the_wheel_zooms_and_a_drag_chooses_a_time_and_moves_the_log(
    page: WatchedPage, tree_id: str
) -> None:
    page.open_execution(tree_id, "?view=timeline")
    timeline = page.page.get_by_role("region", name="Timeline")
    bar = timeline.get_by_role("button", name=re.compile("^Right, ")).locator(".bar")
    before = bar.bounding_box()
    assert before is not None
    middle = before["x"] + before["width"] / 2
    page.page.mouse.move(middle, before["y"] + 30)
    page.page.mouse.down()
    page.page.mouse.move(middle + 40, before["y"] + 30, steps=3)
    page.page.mouse.up()
    expect(timeline.get_by_role("button", name="Zoom to it")).to_be_visible()
    page.shows(40, "Completed")
    page.page.mouse.wheel(0, -300)
    page.page.wait_for_function(
        "([bar, width]) => bar.getBoundingClientRect().width > width * 1.1",
        arg=[bar.element_handle(), before["width"]],
    )
    timeline.get_by_role("button", name="Show all").click()


def test_the_timeline_is_a_table_for_who_wants_one(page: WatchedPage, tree_id: str) -> None:
    page.open_execution(tree_id, "?view=timeline")
    page.page.get_by_role("button", name="Table").click()
    row = page.page.get_by_role("row", name="Link")
    expect(row).to_contain_text("Failed")
    row.get_by_role("button", name="Link").click()
    page.shows(34, "Link")


def test_the_log_is_followed_on_when_the_timeline_comes_and_goes(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create("for i in $(seq 1 100000); do echo $i; sleep 0.02; done")
    page.open_execution(execution_id).waits_for_lines(100)
    follow = page.page.get_by_role("button", name="Follow")
    for key in "2121":
        page.press(key)
        page.waits_for_lines(page.line_count() + 20)
        expect(follow).to_have_attribute("aria-pressed", "true")
    server.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})


def test_an_idle_gap_takes_little_room_and_says_how_long_it_was(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create(
        "for name in One Two; do echo STEP_START:$name; echo STEP_COMPLETE:$name; done"
    )
    server.ended(execution_id)
    between(server, execution_id, timedelta(hours=1))
    page.open_execution(execution_id, "?view=timeline")
    gap = page.page.locator(".timeline .gap")
    expect(gap).to_contain_text("1h 00m")
    box = gap.bounding_box()
    assert box is not None
    assert box["width"] < 60


def between(server: ServerProcess, execution_id: str, idle: timedelta) -> None:
    """As if an execution of two steps had rested between them: a minute, the rest, a minute."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC).replace(tzinfo=None)
    minute = timedelta(minutes=1)
    times = [(noon, noon + minute), (noon + minute + idle, noon + 2 * minute + idle)]
    with closing(sqlite3.connect(server.storage / "database/stepflow.db")) as database:
        for index, (start, end) in enumerate(times):
            database.execute(
                "UPDATE steps SET started_at = ?, completed_at = ? "
                "WHERE execution_id = ? AND step_index = ?",
                (f"{start.isoformat()}.000000", f"{end.isoformat()}.000000", execution_id, index),
            )
        database.execute(
            "UPDATE executions SET started_at = ?, completed_at = ? WHERE id = ?",
            (
                f"{noon.isoformat()}.000000",
                f"{times[1][1].isoformat()}.000000",
                execution_id,
            ),
        )
        database.commit()
