"""The page in a real Chromium: first paint, jumps, scrolling, a flood of lines, a long history.

Beside first paints: the page of an execution of one line. The browser itself says how long frames
and tasks of the main thread took.
"""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from chromium import QUIET
from eventually import eventually
from generated_database import create, fill
from ground import Ground
from measured_server import MeasuredServer
from row import Row, at_most
from spread import in_turns, median, percentile

JUMPS = 20
SCROLL_SECONDS = 4
HISTORY = 10_000
FLOOD_RATE = 50_000
MOST_ROWS = 300
# Before anything of the page runs. A row counts once a frame with it has been drawn.
WATCH = """
window.paintedAt = null;
window.tasks = [];
new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.tasks.push([task.startTime, task.duration]);
}).observe({ type: 'longtask' });
const look = () => {
    if (!document.querySelector('.row .text')) return requestAnimationFrame(look);
    requestAnimationFrame(() => requestAnimationFrame(painted));
};
const painted = () => { window.paintedAt = performance.now(); };
requestAnimationFrame(look);
"""

JUMP = """(number) => new Promise((resolve) => {
    const from = performance.now();
    location.hash = `#L${number}`;
    const look = () => {
        const row = document.querySelector(`.row[data-line="${number}"] .text`);
        if (!row) return requestAnimationFrame(look);
        requestAnimationFrame(() => resolve(performance.now() - from));
    };
    requestAnimationFrame(look);
})"""

FRAMES = """(seconds) => new Promise((resolve) => {
    const gaps = [];
    let most = 0, before = performance.now();
    const until = before + 1000 * seconds;
    const frame = (now) => {
        gaps.push(now - before);
        before = now;
        most = Math.max(most, document.querySelectorAll('.row, tr[data-execution]').length);
        if (now < until) requestAnimationFrame(frame);
        else resolve({ gaps: gaps.slice(1), most });
    };
    requestAnimationFrame(frame);
})"""

ALL_LOADED = """(text) => {
    scrollTo(0, document.body.scrollHeight);
    return document.querySelector('.shown')?.textContent === text;
}"""

FLOOD = """
import sys, time
number, due = 0, time.monotonic()
end = due + float(sys.argv[1])
while due < end:
    sys.stdout.write("".join(
        f"\\033[3{number % 7 + 1}mline\\033[0m {number + i} of a flood with words and numbers\\n"
        for i in range(500)
    ))
    sys.stdout.flush()
    number, due = number + 500, due + 0.01
    time.sleep(max(0, due - time.monotonic()))
"""


def rows(ground: Ground) -> Iterator[Row]:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("there is no Chromium to measure in")
    size = int(ground.sizes.log_gigabytes * 1e9)
    history = _with_history(ground)
    with ground.server("ui") as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        small = server.finished("echo one line")["id"]
        print_much = f"yes \"$(seq -f 'line %.0f of a build with words' 1 3000)\" | head -c {size}"
        large = server.finished(print_much)["id"]
        running = server.create(f"{print_much}; sleep 3600")
        eventually(lambda: _log_bytes(server, running) >= size, within=3600)
        os.sync()  # the kernel's own writing is not measured
        of = f"of {size / 1e9:.1f} GB"
        for name, execution_id in (("finished", large), ("running", running)):
            taken = in_turns(
                5,
                this=partial(_first_paint, browser, server, execution_id),
                small=partial(_first_paint, browser, server, small),
            )
            yield Row(
                name=f"ui.first_paint_{name}",
                value=median(taken["this"]),
                unit=f"ms until lines {of} are drawn",
                goal=at_most(400),
                against=median(taken["small"]),
                beside="of one line",
            )
        page = _opened(browser, server, large)
        yield _jump_row(page, server.execution(large)["execution"]["log_lines"], of)
        yield _scroll_row(page, "ui.scroll", of.removeprefix("of "), -20_000)
        page.context.close()
        server.client.post(f"/api/executions/{running}/cancel", json={"kill": True})
        yield from _flood_rows(browser, server, ground.sizes.flood_seconds)
        yield _history_row(browser, history)
        browser.close()


def _log_bytes(server: MeasuredServer, execution_id: str) -> int:
    answer = server.client.get(f"/api/executions/{execution_id}/logs?tail=1")
    return int(answer.raise_for_status().json()["size_bytes"])


def _opened(browser: Browser, server: MeasuredServer, execution_id: str) -> Page:
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.add_init_script(WATCH)
    page.goto(f"{server.url}/executions/{execution_id}")
    page.wait_for_function("() => window.paintedAt !== null", timeout=60_000)
    return page


def _first_paint(browser: Browser, server: MeasuredServer, execution_id: str) -> float:
    """In a browser that has never been here."""
    page = _opened(browser, server, execution_id)
    painted_at = float(page.evaluate("window.paintedAt"))
    page.context.close()
    return painted_at


def _jump_row(page: Page, lines: int, of: str) -> Row:
    taken = [
        float(page.evaluate(JUMP, 1 + (number * 7919 * lines // JUMPS) % lines))
        for number in range(JUMPS)
    ]
    return Row(
        name="ui.jump",
        value=percentile(taken, 0.95),
        unit=f"ms (p95) until any of the {lines:,} lines {of} is drawn",
        goal=at_most(150),
        note=f"the longest {max(taken):.0f} ms",
    )


def _scroll_row(page: Page, name: str, through: str, distance: int) -> Row:
    page.mouse.move(900, 600)
    client = page.context.new_cdp_session(page)
    gesture = {
        "x": 900,
        "y": 600,
        "yDistance": distance,
        "speed": 5_000,
        "gestureSourceType": "mouse",
    }
    page.evaluate(f"window.frames_ = ({FRAMES})({SCROLL_SECONDS})")
    client.send("Input.synthesizeScrollGesture", gesture)
    found: dict[str, Any] = page.evaluate("window.frames_")
    assert found["most"] <= MOST_ROWS, f"{found['most']} rows are mounted"
    gaps = found["gaps"]
    return Row(
        name=name,
        value=percentile(gaps, 0.95),
        unit=f"ms (p95) between frames while a wheel turns through {through}",
        goal=at_most(17.5),
        note=f"{1000 * len(gaps) / sum(gaps):.0f} frames a second, the longest gap"
        f" {max(gaps):.0f} ms, at most {found['most']} rows mounted",
    )


def _with_history(ground: Ground) -> MeasuredServer:
    server = ground.server("ui-history")
    database = server.storage / "database" / "stepflow.db"
    server.storage.mkdir(mode=0o700)
    database.parent.mkdir(mode=0o700)
    asyncio.run(create(database))
    fill(database, HISTORY, steps_each=5)
    return server


def _history_row(browser: Browser, server: MeasuredServer) -> Row:
    """A list that has been scrolled to its end, on its way back."""
    with server:
        page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
        page.goto(f"{server.url}/executions")
        page.wait_for_function(ALL_LOADED, arg=f"{HISTORY:,} of {HISTORY:,}", timeout=120_000)
        row = _scroll_row(page, "ui.history_scroll", f"a history of {HISTORY:,}", 20_000)
        page.context.close()
    return row


def _flood_rows(browser: Browser, server: MeasuredServer, seconds: int) -> Iterator[Row]:
    execution_id = server.create([sys.executable, "-c", FLOOD, str(seconds + 10)])
    page = _opened(browser, server, execution_id)
    client = page.context.new_cdp_session(page)
    time.sleep(5)
    before = _heap_bytes(client)
    since = page.evaluate("performance.now()")
    lines_before = _lines(page)
    time.sleep(seconds)
    # Those of the page itself: collecting garbage for `before` is told of only later.
    tasks = [took for at, took in page.evaluate("window.tasks") if at >= since]
    shown = (_lines(page) - lines_before) / seconds
    grown = _heap_bytes(client) - before
    page.context.close()
    yield Row(
        name="ui.flood_task",
        value=max(tasks, default=0.0),
        unit=f"ms, the longest task of the page at {FLOOD_RATE:,} lines/s for {seconds} s",
        goal=at_most(50),
        note=f"{len(tasks)} tasks above 50 ms; {shown:,.0f} lines a second were shown",
    )
    yield Row(
        name="ui.flood_memory",
        value=grown / 1e6,
        unit=f"MB more in the page's heap after {seconds} s of it",
        goal=at_most(10),
        note=f"from {before / 1e6:.0f} MB",
    )


def _heap_bytes(client: Any) -> int:
    client.send("HeapProfiler.collectGarbage")
    return int(client.send("Runtime.getHeapUsage")["usedSize"])


def _lines(page: Page) -> int:
    return int(page.locator("[data-lines]").get_attribute("data-lines") or 0)
