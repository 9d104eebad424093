import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect
from watched_page import WatchedPage

from eventually import eventually
from server_process import ServerProcess

MOST_ROWS = 300


@pytest.fixture(scope="module")
def ids(server: ServerProcess) -> dict[str, str]:
    build = "echo STEP_START:Build; echo STEP_COMPLETE:Build; seq 5"
    made = {
        "first": server.create(build, name="build", tags=["nightly"], user="anna"),
        "second": server.create(f"{build}; echo more", name="build", tags=["nightly"]),
        "broken": server.create("echo META:env:prod; echo disk FULL; exit 3", name="broken"),
        "running": server.create("echo STEP_START:Wait; sleep 600", name="waits"),
    }
    for name in ("first", "second", "broken"):
        server.ended(made[name])
    return made


def violations(page: WatchedPage) -> list[str]:
    found = Axe().run(page.page).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def names(page: WatchedPage) -> list[str]:
    return page.page.locator("tr[data-execution] .title a").all_inner_texts()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("palette", ["standard", "distinct"])
def test_every_page_of_the_board_has_no_barrier(
    browser: Browser, server: ServerProcess, ids: dict[str, str], theme: str, palette: str
) -> None:
    paths = ["/", "/executions", "/system", "/trends?name=build", "/nowhere", "/compare"]
    with WatchedPage(browser, server.url, color_scheme=theme) as page:
        page.page.add_init_script(f"localStorage.setItem('stepflow.palette', '{palette}')")
        for path in [*paths, f"/compare?a={ids['first']}&b={ids['second']}"]:
            page.open(path).page.wait_for_load_state("networkidle")
            expect(page.page.locator("main h1").first).to_be_visible()
            assert violations(page) == [], path


def test_every_page_of_the_board_fits_a_phone(page: WatchedPage, ids: dict[str, str]) -> None:
    page.page.set_viewport_size({"width": 360, "height": 740})
    compared = f"/compare?a={ids['first']}&b={ids['broken']}"
    for path in ("/", "/executions", "/system", "/trends?name=build", compared):
        page.open(path).page.wait_for_load_state("networkidle")
        assert page.page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_the_overview_shows_what_runs_and_what_failed(
    page: WatchedPage, ids: dict[str, str], server: ServerProcess
) -> None:
    page.open()
    running = page.page.locator(f"[data-execution='{ids['running']}']")
    expect(running).to_contain_text("waits")
    expect(page.page.locator(f"[data-execution='{ids['broken']}']").first).to_be_visible()
    fresh = server.create("exit 1", name="news")
    expect(page.page.locator(f"[data-execution='{fresh}']").first).to_be_visible()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tag:nightly", ["build", "build"]),
        ("status:failed meta.env=prod", ["broken"]),
        ('"disk full"', ["broken"]),
        ("step:wait", ["waits"]),
        ("exit:3", ["broken"]),
        ("user:anna", ["build"]),
    ],
)
def test_a_filter_is_in_the_address_and_filters_on_the_server(
    page: WatchedPage, ids: dict[str, str], text: str, found: list[str]
) -> None:
    page.open("/executions")
    page.press("/")
    page.page.keyboard.type(text)
    page.press("Enter")
    expect(page.page.locator("tr[data-execution]")).to_have_count(len(found))
    assert names(page) == found
    page.page.reload()
    expect(page.page.locator("tr[data-execution]")).to_have_count(len(found))


def test_a_filter_says_what_is_wrong_and_completes(page: WatchedPage, ids: dict[str, str]) -> None:
    page.open("/executions")
    field = page.page.get_by_role("combobox", name="Filter")
    field.fill("status:broken")
    expect(page.page.get_by_text("a status is running, pending")).to_be_visible()
    field.fill("")
    field.press_sequentially("sta")
    field.press("ArrowDown")
    field.press("Enter")
    field.press_sequentially("fai")
    expect(page.page.get_by_role("option", name="status:failed")).to_be_visible()
    assert violations(page) == []
    field.press("ArrowDown")
    field.press("Enter")
    expect(field).to_have_value("status:failed ")
    expect(page.page.locator("tr[data-status]:not([data-status=failed])")).to_have_count(0)


def test_a_view_is_saved_and_chosen_again(page: WatchedPage, ids: dict[str, str]) -> None:
    page.open("/executions?q=tag:nightly")
    page.page.get_by_role("button", name="Save view").click()
    page.page.get_by_role("textbox", name="Name of the view").fill("Nights")
    page.press("Enter")
    page.open("/executions").page.get_by_role("button", name="Nights", exact=True).click()
    expect(page.page.locator("tr[data-execution]")).to_have_count(2)
    page.page.get_by_role("button", name="Forget the view Nights").click()
    expect(page.page.get_by_role("button", name="Nights", exact=True)).to_have_count(0)


def test_rows_are_walked_chosen_and_deleted_by_keys(
    page: WatchedPage, server: ServerProcess
) -> None:
    made = [server.create("true", name=f"spare {n}", tags=["spare"]) for n in range(3)]
    kept = server.create("sleep 600", name="spare runs", tags=["spare"])
    for execution_id in made:
        server.ended(execution_id)
    page.open("/executions?q=tag:spare")
    expect(page.page.locator("tr[data-execution]")).to_have_count(4)
    page.press("j", "x", "j", "j", "j", "X")
    expect(page.page.get_by_text("4 chosen")).to_be_visible()
    page.page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.page.get_by_role("dialog", name="Delete 3 executions?")).to_be_visible()
    assert violations(page) == []
    page.page.get_by_role("button", name="Delete them").click()
    expect(page.page.get_by_text("3 done")).to_be_visible()
    page.page.get_by_role("button", name="Done").click()
    expect(page.page.locator("tr[data-execution]")).to_have_count(1)
    page.press("j", "Enter")
    expect(page.page).to_have_url(f"{page.url}/executions/{kept}")


def test_two_executions_are_compared(page: WatchedPage, ids: dict[str, str]) -> None:
    page.open("/executions?q=name:build")
    page.page.get_by_role("checkbox", name="Choose all").check()
    page.page.get_by_role("button", name="Compare").click()
    expect(page.page.get_by_text("The first line that differs is line 8.")).to_be_visible()
    expect(page.page.get_by_text("more", exact=True)).to_be_visible()
    expect(page.page.get_by_role("cell", name="Build", exact=True)).to_be_visible()


def test_the_palette_finds_executions_pages_and_commands(
    page: WatchedPage, ids: dict[str, str]
) -> None:
    page.open()
    page.press("Control+k")
    field = page.page.get_by_role("combobox", name="Search and commands")
    field.fill("broken")
    expect(page.page.get_by_role("option", name="broken Failed")).to_be_visible()
    assert violations(page) == []
    field.press("Enter")
    expect(page.page).to_have_url(f"{page.url}/executions/{ids['broken']}")
    page.press("Control+k")
    field.fill("theme dark")
    field.press("Enter")
    assert page.page.locator("html").get_attribute("data-theme") == "dark"


def test_the_system_page_makes_checks_and_deletes_a_backup(
    page: WatchedPage, ids: dict[str, str]
) -> None:
    page.open("/system")
    expect(page.page.get_by_text("Everything works")).to_be_visible()
    page.page.get_by_role("button", name="Back up now").click()
    expect(page.page.get_by_role("cell", name="Verified", exact=True)).to_be_visible(timeout=30_000)
    page.page.get_by_role("button", name="Verify", exact=True).click()
    page.page.get_by_role("button", name="Delete", exact=True).click()
    page.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.page.get_by_text("There is no backup yet.")).to_be_visible()
    page.page.get_by_role("button", name="Optimise").click()
    expect(page.page.get_by_text("freed")).to_be_visible()
    expect(page.page.get_by_text("Everything is kept.")).to_be_visible()
    page.page.get_by_role("searchbox", name="Find a setting").fill("port")
    expect(page.page.get_by_role("cell", name="STEPFLOW_PORT", exact=True)).to_be_visible()


def test_the_system_page_says_what_is_wrong_and_how_it_is_put_right(
    browser: Browser, tmp_path: Path
) -> None:
    full = {"STEPFLOW_MIN_FREE_BYTES": str(10**18)}
    with ServerProcess(tmp_path, **full) as server, WatchedPage(browser, server.url) as page:
        found = page.open("/system").page.locator("[data-state]")
        expect(found).to_have_text([re.compile("Problem: disk"), re.compile("Warning: backups")])
        expect(page.page.get_by_text("Everything works")).to_have_count(0)
        found.last.get_by_role("button", name="Copy the remedy").click()
        copied = str(page.page.evaluate("navigator.clipboard.readText()"))
        assert copied.startswith("stepflow backup")
        well = page.page.get_by_text("wal mode", exact=True)
        expect(well).to_be_hidden()
        page.page.get_by_text("checks are well").click()
        expect(well).to_be_visible()
        page.page.get_by_role("button", name="Back up now").click()
        expect(found).to_have_count(1, timeout=30_000)


def test_a_long_list_is_loaded_by_scrolling_and_keeps_few_rows_mounted(
    page: WatchedPage, server: ServerProcess
) -> None:
    for _ in range(450):
        server.create("true", name="many", tags=["many"])
    page.open("/executions?q=tag:many")
    expect(page.page.get_by_text("of 450")).to_be_visible(timeout=20_000)
    last = page.page.locator("tr[aria-rowindex='451']")

    def scrolls_to_last() -> bool:
        page.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        return last.is_visible()

    eventually(scrolls_to_last)
    expect(page.page.get_by_text("450 of 450")).to_be_visible()
    assert page.page.locator("tr[data-execution]").count() <= MOST_ROWS


def test_a_refusal_stands_at_its_field(page: WatchedPage) -> None:
    page.open("/new").page.get_by_label("Command", exact=True).fill("true")
    page.page.get_by_label("Working directory").fill("/" * 4097)
    page.page.get_by_role("button", name="Start").click()
    expect(page.page.get_by_label("Working directory")).to_be_focused()
    expect(page.page.locator("#directory-hint")).to_contain_text("more than 4096")


def test_the_form_says_which_markers_are_understood(
    page: WatchedPage, server: ServerProcess
) -> None:
    page.open("/new").page.get_by_label("Command", exact=True).fill("true")
    page.page.get_by_role("button", name="Markers").click()
    page.page.get_by_label("Marker languages").fill("none")
    page.page.get_by_label("Trace bash").check()
    page.page.get_by_role("button", name="Add section").click()
    start = page.page.get_by_label("Start expression")
    start.fill("(")
    page.page.get_by_role("button", name="Start", exact=True).click()
    expect(start).to_be_focused()
    expect(page.page.locator("#sections-hint")).to_contain_text("missing )")
    page.page.get_by_role("button", name="Remove section").click()
    page.page.get_by_role("button", name="Start", exact=True).click()
    page.waits_for_status("completed")
    made = server.execution(page.page.url.rpartition("/")[2])["execution"]
    assert (made["dialects"], made["trace"], made["sections"]) == ("none", "bash", [])


def test_it_can_be_installed(page: WatchedPage) -> None:
    page.open()
    manifest = page.page.request.get(f"{page.url}/manifest.webmanifest")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    for icon in manifest.json()["icons"]:
        assert page.page.request.get(f"{page.url}/{icon['src']}").ok
