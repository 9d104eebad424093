"""A page of the UI that notices what must never happen: script errors, breaches of the content
security policy, what is loaded twice, and requests to other hosts."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Browser, ConsoleMessage, Locator, Request, expect

from eventually import eventually


class WatchedPage:
    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        shown = {"viewport": {"width": 1200, "height": 800}, **options}
        self._context = browser.new_context(**shown)
        self._context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
        self.page = self._context.new_page()
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", self._said)
        self.page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "A preload for" in message.text:
            self.troubles.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "blob:", "data:")):
            self.troubles.append(f"asked {request.url}")

    def open(self, path: str = "/") -> Self:
        """Go there; the page's own code has come when this returns, and hears the keys."""
        self.page.goto(self.url + path)
        expect(self.page.locator("main > *").first).to_be_attached(timeout=15_000)
        return self

    def open_execution(self, execution_id: str, rest: str = "") -> Self:
        self.open(f"/executions/{execution_id}{rest}")
        expect(self.page.locator("[role=tablist]")).to_be_visible(timeout=15_000)
        return self

    def eventually(self, holds: Callable[[], object]) -> None:
        """Wait for what the page's own events bring: they are heard while it is asked something."""
        eventually(lambda: self.page.evaluate("true") and holds())

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def row(self, number: int) -> Locator:
        """A mounted line of the log, counted from 1."""
        return self.page.locator(f'.row[data-line="{number}"]')

    def shows(self, number: int, text: str, within: float = 10) -> None:
        expect(self.row(number)).to_contain_text(text, timeout=within * 1000)

    def line_count(self) -> int:
        return int(self.page.locator("[data-lines]").get_attribute("data-lines") or 0)

    def waits_for_lines(self, count: int, within: float = 30) -> None:
        eventually(lambda: self.line_count() >= count, within=within)

    def waits_for_status(self, status: str, within: float = 30) -> None:
        pill = self.page.locator(f"header [data-status={status}]")
        expect(pill).to_be_visible(timeout=within * 1000)

    def all_lines(self) -> dict[int, str]:
        """Every line of the log, read by paging from its start to its end as a person would."""
        found: dict[int, str] = {}
        count = self.line_count()
        self.press("Home")
        while len(found) < count:
            eventually(lambda: self._reads_more(found))
            self.press("PageDown")
        return found

    def _reads_more(self, found: dict[int, str]) -> bool:
        before = len(found)
        return self._read_into(found) > before

    def _read_into(self, found: dict[int, str]) -> int:
        rows = self.page.evaluate(
            """() => [...document.querySelectorAll('.row')]
                .filter((row) => row.querySelector('.text'))
                .map((row) => [row.dataset.line, row.querySelector('.text').textContent])"""
        )
        found.update((int(number), text) for number, text in rows)
        return len(found)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._context.close()
        if error is None:
            assert self.troubles == []
