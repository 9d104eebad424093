import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from watched_page import WatchedPage

import stepflow.web
from chromium import QUIET
from server_process import ServerProcess


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


def _without(what: str, remedy: str) -> None:
    """Missing tools are a failure where tests are meant to be complete."""
    reason = f"no {what}: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


# Per module: an open Playwright is a running event loop, in which `asyncio.run` of others fails.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        _without("Chromium", "apt-get install --no-install-recommends chromium fonts-dejavu-core")
    if not Path(stepflow.web.__file__).with_name("static").joinpath("index.html").exists():
        _without("built UI", "python hatch_build.py ui")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: ServerProcess) -> Iterator[WatchedPage]:
    with WatchedPage(browser, server.url) as opened:
        yield opened
