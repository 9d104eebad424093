from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect
from watched_page import WatchedPage

from server_process import ServerProcess

FAILING = (
    r"echo STEP_START:Build; printf '\033[31mred \033[2mdim\033[0m \033[33;44mon blue\033[0m\n'; "
    "echo ARTIFACT:gone.txt:Gone; echo META:a:b; echo STEP_ERROR:broken; exit 2"
)


@pytest.fixture(scope="module")
def ids(server: ServerProcess) -> dict[str, str]:
    made = {
        "failed": server.create(FAILING, name="fails", tags=["nightly"], user="anna"),
        "quiet": server.create("true", name="quiet"),
        "running": server.create("echo STEP_START:Wait; sleep 600", name="runs"),
    }
    server.ended(made["failed"])
    server.ended(made["quiet"])
    return made


def violations(page: Page, **options: Any) -> list[str]:
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/executions?q=nothing-has-this-name",
        "/new",
        "/system",
        "/executions/{failed}",
        "/executions/{failed}?view=timeline",
        "/executions/{failed}?view=artifacts",
        "/executions/{failed}?view=summary",
        "/executions/{failed}?view=details",
        "/executions/{quiet}",
        "/executions/{running}",
        "/executions/00000000-0000-7000-8000-000000000000",
    ],
)
def test_a_page_has_no_barrier(
    browser: Browser, server: ServerProcess, ids: dict[str, str], path: str, theme: str
) -> None:
    with WatchedPage(browser, server.url, color_scheme=theme) as page:
        page.open(path.format(**ids))
        page.page.wait_for_load_state("networkidle")
        assert violations(page.page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/executions", "/new", "/executions/{failed}"])
def test_who_wants_more_contrast_gets_it(
    browser: Browser, server: ServerProcess, ids: dict[str, str], path: str, theme: str
) -> None:
    enhanced = {"type": "rule", "values": ["color-contrast-enhanced"]}
    with WatchedPage(browser, server.url, color_scheme=theme, contrast="more") as page:
        page.open(path.format(**ids))
        page.page.wait_for_load_state("networkidle")
        assert violations(page.page, runOnly=enhanced) == []


def test_dialogs_have_no_barrier(page: WatchedPage, ids: dict[str, str]) -> None:
    page.open_execution(ids["running"])
    page.press("?")
    expect(page.page.get_by_role("dialog")).to_be_visible()
    assert violations(page.page) == []
    page.press("Escape", "x")
    expect(page.page.get_by_role("dialog", name="Cancel this execution?")).to_be_visible()
    assert violations(page.page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_tools_of_the_log_have_no_barrier(
    browser: Browser, server: ServerProcess, ids: dict[str, str], theme: str
) -> None:
    with WatchedPage(browser, server.url, color_scheme=theme) as page:
        page.open_execution(ids["failed"])
        page.press("/")
        page.page.keyboard.type("e")
        page.page.get_by_role("button", name="List", exact=True).click()
        page.page.get_by_role("button", name="Filter", exact=True).click()
        expect(page.page.get_by_role("region", name="Matches")).to_be_visible()
        page.page.locator(".log").press("t")
        assert violations(page.page) == []
        page.page.locator(".log").press(":")
        expect(page.page.get_by_label("Go to")).to_be_visible()
        assert violations(page.page) == []


# 320: a window of 1,280 at 400 %.
@pytest.mark.parametrize("width", [320, 360, 640, 3840])
def test_a_page_fits_its_width(page: WatchedPage, ids: dict[str, str], width: int) -> None:
    page.page.set_viewport_size({"width": width, "height": 800})
    for path in ("/", "/new", f"/executions/{ids['failed']}", f"/executions/{ids['running']}"):
        page.open(path).page.wait_for_load_state("networkidle")
        wide = page.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
        assert violations(page.page) == []
    tools = page.page.locator("nav + .tools").bounding_box()
    ends = page.page.get_by_role("link", name="System", exact=True).bounding_box()
    assert tools
    assert ends
    assert ends["x"] + ends["width"] <= tools["x"] <= tools["x"] + tools["width"] <= width


def test_the_theme_can_be_chosen_and_is_remembered(page: WatchedPage) -> None:
    page.open().page.get_by_role("button", name="Preferences").click()
    page.page.get_by_role("radio", name="Dark").check()
    assert violations(page.page) == []
    page.page.reload()
    ground = page.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == "rgb(13, 17, 23)"


def test_the_language_is_the_browsers_until_one_is_chosen(
    browser: Browser, server: ServerProcess
) -> None:
    with WatchedPage(browser, server.url, locale="zh-TW") as page:
        page.open().page.get_by_role("button", name="偏好设置").click()
        assert page.page.locator("html").get_attribute("lang") == "zh-CN"
        page.page.get_by_role("radio", name="English").click()
        expect(page.page.get_by_role("button", name="Preferences")).to_be_focused()
        page.page.reload()
        expect(page.page.get_by_role("link", name="Executions", exact=True)).to_be_visible()
        assert page.page.locator("html").get_attribute("lang") == "en"


def test_every_name_of_a_finding_is_translated(browser: Browser, server: ServerProcess) -> None:
    with WatchedPage(browser, server.url, locale="zh-CN") as page:
        page.open("/system")
        findings = page.page.locator("section", has_text="诊断")
        names = findings.locator("dt, li strong")
        expect(names.first).to_be_attached(timeout=15_000)
        asked = {finding["name"] for finding in server.client.get("/api/doctor").json()}
        assert names.count() >= len(asked)
        for name in names.all_text_contents():
            assert any("\u4e00" <= letter <= "\u9fff" for letter in name), name


def test_it_works_behind_a_path_prefix(browser: Browser, server: ServerProcess) -> None:
    execution_id = server.create("echo behind a prefix", name="prefixed")
    server.ended(execution_id)

    def unprefixed(route: Route) -> None:
        answer = route.fetch(url=route.request.url.replace("/tools/flow/", "/", 1))
        route.fulfill(response=answer)

    with WatchedPage(browser, server.url) as page:
        page.page.route(f"{server.url}/tools/flow/**", unprefixed)
        page.open(f"/tools/flow/executions/{execution_id}")
        page.shows(1, "behind a prefix")
        page.page.get_by_role("link", name="StepFlow").click()
        page.page.get_by_role("link", name="prefixed").click()
        assert page.page.url == f"{server.url}/tools/flow/executions/{execution_id}"
        page.page.unroute_all(behavior="wait")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("locked")
    settings = {"STEPFLOW_AUTH_ENABLED": "true", "STEPFLOW_API_KEY": "open sesame"}
    with ServerProcess(folder, **settings) as running:
        yield running


def test_a_locked_server_asks_for_its_key_once(browser: Browser, locked: ServerProcess) -> None:
    with WatchedPage(browser, locked.url) as page:
        page.open().page.get_by_label("API key").fill("guess")
        page.page.get_by_role("button", name="Continue").click()
        expect(page.page.get_by_text("That is not the key.")).to_be_visible()
        assert violations(page.page) == []
        page.page.get_by_label("API key").fill("open sesame")
        page.page.get_by_role("button", name="Continue").click()
        expect(page.page.get_by_text("Nothing has run here yet")).to_be_visible()
        expect(page.page.locator("[data-connection=live]")).to_be_visible()
        page.page.reload()
        expect(page.page.get_by_text("Nothing has run here yet")).to_be_visible()
