from itertools import pairwise

import pytest
from watched_page import WatchedPage

from eventually import eventually
from server_process import ServerProcess

LINES = 400


@pytest.fixture(scope="module")
def wide_id(server: ServerProcess) -> str:
    """Every third line takes several rows of text."""
    body = 'if (n % 3 == 0) { s = s sprintf("%0600d", n) } print s'
    execution_id = server.create(
        f'awk \'BEGIN {{ for (n = 1; n <= {LINES}; n++) {{ s = "line " n " "; {body} }} }}\''
    )
    server.ended(execution_id)
    return execution_id


def in_view(page: WatchedPage) -> list[int]:
    """The lines of which something is in view, once they are here."""
    page.page.wait_for_function(
        "document.querySelector('.row .text') && !document.querySelector('.row .waiting')"
    )
    found: list[int] = page.page.evaluate(
        """() => {
            const { top, bottom } = document.querySelector('.log').getBoundingClientRect();
            return [...document.querySelectorAll('.row')].filter((row) => {
                const box = row.getBoundingClientRect();
                return box.bottom > top + 1 && box.top < bottom - 1;
            }).map((row) => Number(row.dataset.line));
        }"""
    )
    return found


def test_long_lines_wrap_and_nothing_is_beside_the_view(page: WatchedPage, wide_id: str) -> None:
    page.open_execution(wide_id).shows(1, "line 1")
    page.press("w")
    page.page.wait_for_function("document.querySelector('.row[data-line=\"3\"]').offsetHeight > 40")
    log = page.page.locator(".log")
    assert log.evaluate("(log) => log.scrollWidth - log.clientWidth") == 0
    page.press("w")
    page.page.wait_for_function(
        "document.querySelector('.row[data-line=\"3\"]').offsetHeight === 20"
    )


def test_pages_of_wrapped_lines_pass_over_none(page: WatchedPage, wide_id: str) -> None:
    page.open_execution(wide_id).shows(1, "line 1")
    page.press("w", "Home")
    pages = [in_view(page)]
    while pages[-1][-1] < LINES:
        page.press("PageDown")
        pages.append(in_view(page))
    assert all(after[0] <= before[-1] for before, after in pairwise(pages))
    down = len(pages)
    while pages[-1][0] > 1:
        page.press("PageUp")
        pages.append(in_view(page))
    way_back = pages[down - 1 :]
    assert all(after[-1] >= before[0] for before, after in pairwise(way_back))


def test_a_wrapped_line_opens_by_its_address(page: WatchedPage, wide_id: str) -> None:
    page.open_execution(wide_id).press("w")
    page.open_execution(wide_id, f"#L{LINES}").shows(LINES, f"line {LINES} ")
    assert LINES in in_view(page)


def test_wrapping_keeps_the_line_that_is_read(page: WatchedPage, wide_id: str) -> None:
    page.open_execution(wide_id, "#L200").shows(200, "line 200")
    before = in_view(page)[0]
    page.press("w")
    page.page.wait_for_function(
        f"document.querySelector('.row[data-line=\"{before + (-before) % 3}\"]').offsetHeight > 40"
    )
    assert in_view(page)[0] == before


def test_the_wheel_reaches_both_ends_of_wrapped_lines(page: WatchedPage, wide_id: str) -> None:
    page.open_execution(wide_id).press("w")
    page.page.mouse.move(700, 500)

    def rolls_to(line: int, way: int) -> bool:
        page.page.mouse.wheel(0, way)
        return line in in_view(page)

    eventually(lambda: rolls_to(LINES, 1500))
    eventually(lambda: rolls_to(1, -1500))
