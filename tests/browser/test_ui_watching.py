from pathlib import Path

from playwright.sync_api import APIResponse, Browser, Route, WebSocket, expect
from watched_page import WatchedPage

from server_process import ServerProcess

COUNTING = 'i=0; while [ $i -lt {last} ]; do i=$((i+1)); echo "line $i"; sleep {pause}; done'


def test_an_execution_started_in_the_form_is_watched_to_its_end(page: WatchedPage) -> None:
    page.open("/new")
    page.page.get_by_label("Command", exact=True).fill(
        "echo STEP_START:Build; sleep 0.5; echo compiled; echo STEP_COMPLETE:Build"
    )
    page.page.get_by_label("Name").fill("from the form")
    page.page.get_by_role("button", name="Start").click()
    page.waits_for_status("completed")
    expect(page.page.get_by_role("heading", level=1)).to_have_text("from the form")
    expect(page.page.get_by_role("treeitem", name="Build, Completed")).to_be_visible()
    page.shows(2, "compiled")


def test_a_mistake_in_the_form_is_shown_and_nothing_starts(
    page: WatchedPage, server: ServerProcess
) -> None:
    before = server.client.get("/api/executions").json()["total_count"]
    page.open("/new").page.get_by_role("button", name="Start").click()
    expect(page.page.get_by_text("Say what to run.")).to_be_visible()
    page.page.get_by_label("Command", exact=True).fill("true")
    page.page.get_by_label("Timeout").fill("soon")
    page.page.get_by_role("button", name="Start").click()
    expect(page.page.get_by_text("This has to be a number")).to_be_visible()
    assert server.client.get("/api/executions").json()["total_count"] == before


def test_the_list_shows_a_new_execution_and_its_end_without_a_reload(
    page: WatchedPage, server: ServerProcess
) -> None:
    page.open("/executions")
    expect(page.page.locator("[data-connection=live]")).to_be_visible()
    execution_id = server.create("sleep 1", name="appears")
    row = page.page.locator(f"tr[data-execution='{execution_id}']")
    expect(row).to_have_attribute("data-status", "running")
    expect(row).to_have_attribute("data-status", "completed", timeout=10_000)


def test_a_screen_reader_is_told_of_steps_and_errors_and_of_lines_where_it_is_wanted(
    page: WatchedPage, server: ServerProcess, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    execution_id = server.create(
        f"echo before; until [ -e {go} ]; do sleep 0.05; done; echo STEP_START:Build;"
        " echo '::error::it broke'; while :; do echo tick; sleep 0.1; done"
    )
    page.open_execution(execution_id)
    expect(page.page.locator("[data-connection=live]")).to_be_visible()
    page.shows(1, "before")
    told = page.page.locator("[role=status][aria-live=polite]")
    go.touch()
    expect(told).to_contain_text("Step Build: Running")
    expect(told).to_contain_text("Error: it broke")
    expect(told).not_to_contain_text("tick")
    page.page.get_by_role("button", name="Preferences").click()
    page.page.get_by_label("Read new lines of a running log").check()
    expect(told).to_contain_text("new lines. tick. tick. tick", timeout=15_000)
    server.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})
    expect(told).to_contain_text("Cancelled")


def test_news_that_overtake_an_answer_are_not_undone_by_it(
    page: WatchedPage, server: ServerProcess, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    execution_id = server.create(f"until [ -e {go} ]; do sleep 0.05; done", name="overtaken")
    frames: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda said: frames.append(str(said)))

    page.page.on("websocket", listen)
    held: list[tuple[Route, APIResponse]] = []
    detail = f"**/api/executions/{execution_id}"
    page.page.route(detail, lambda route: held.append((route, route.fetch())), times=1)
    page.open(f"/executions/{execution_id}")
    page.eventually(lambda: held)
    go.touch()
    page.eventually(lambda: any(execution_id in said and '"completed"' in said for said in frames))
    [(route, answer)] = held
    route.fulfill(response=answer)
    page.waits_for_status("completed")


def test_filters_are_kept_in_the_address(page: WatchedPage, server: ServerProcess) -> None:
    server.ended(server.create("exit 4", name="needle in the list"))
    page.open("/executions?q=status:failed needle")
    row = page.page.get_by_role("link", name="needle in the list")
    expect(row.first).to_be_visible()
    page.page.get_by_role("button", name="Completed").click()
    expect(page.page.get_by_text("No execution matches these filters")).to_be_visible()
    assert "status%3Acompleted" in page.page.url


def test_cancel_asks_first_and_then_stops(page: WatchedPage, server: ServerProcess) -> None:
    execution_id = server.create("echo ready; sleep 600")
    page.open_execution(execution_id).waits_for_lines(1)
    page.press("x")
    dialog = page.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Keep running").click()
    assert server.execution(execution_id)["execution"]["status"] == "running"
    page.page.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Stop", exact=True).click()
    page.waits_for_status("cancelled")


def test_following_pauses_for_a_reader_and_f_resumes_it(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create(COUNTING.format(last=100_000, pause=0.02))
    page.open_execution(execution_id).waits_for_lines(100)
    page.press("PageUp")
    expect(page.page.get_by_role("button", name="press F")).to_be_visible()
    top = page.page.locator(".log").evaluate("(log) => log.scrollTop")
    page.waits_for_lines(page.line_count() + 30)
    assert page.page.locator(".log").evaluate("(log) => log.scrollTop") == top
    page.press("f")
    page.page.wait_for_function(
        "() => document.querySelector(`.row[data-line='${"
        "document.querySelector('[data-lines]').dataset.lines}']`)"
    )
    server.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})


def test_no_line_is_missing_after_the_server_was_killed_and_started_again(
    browser: Browser, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path / "server") as server, WatchedPage(browser, server.url) as page:
        execution_id = server.create(COUNTING.format(last=400, pause=0.02))
        page.open_execution(execution_id).waits_for_lines(50)
        server.kill()
        expect(page.page.locator("[data-connection=reconnecting]")).to_be_visible()
        server.start()
        expect(page.page.locator("[data-connection=live]")).to_be_visible(timeout=30_000)
        expect(page.page.get_by_text("Back, 0 lines missed")).to_be_visible()
        page.waits_for_status("completed", within=60)
        page.waits_for_lines(400)
        assert page.all_lines() == {n: f"line {n}" for n in range(1, 401)}


def test_a_rerun_opens_the_new_execution(page: WatchedPage, server: ServerProcess) -> None:
    execution_id = server.create("echo again", name="twice")
    server.ended(execution_id)
    page.open_execution(execution_id).page.get_by_role("button", name="Rerun").click()
    page.page.wait_for_url(lambda url: execution_id not in url)
    page.shows(1, "again")


def test_secrets_are_asked_for_again_at_a_rerun(page: WatchedPage, server: ServerProcess) -> None:
    execution_id = server.create("echo hi", secret_environment={"TOKEN": "do-not-show"})
    server.ended(execution_id)
    page.open_execution(execution_id).page.get_by_role("button", name="Rerun").click()
    expect(page.page.get_by_label("Secret environment: Variable")).to_have_value("TOKEN")
    expect(page.page.get_by_label("Secret environment: Value")).to_have_value("")


def test_a_flood_fills_the_rows_that_are_there(
    page: WatchedPage, server: ServerProcess, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    execution_id = server.create(f"seq 1 200; until test -e {go}; do sleep 0.1; done; seq 1 400000")
    page.open_execution(execution_id).shows(200, "200")
    page.page.locator(".row").evaluate_all("(rows) => rows.forEach((row) => { row.seen = true; })")
    go.touch()
    page.shows(400_200, "400000", within=30)
    # Those above the view come back when the flood is over.
    kept = """(rows) => {
        const top = document.querySelector('[role=log]').getBoundingClientRect().top;
        const inView = rows.filter((row) => row.getBoundingClientRect().top >= top);
        return inView.filter((row) => row.seen).length / inView.length;
    }"""
    assert page.page.locator(".row").evaluate_all(kept) > 0.9


def test_a_script_without_steps_is_offered_a_trace(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create("echo one; echo two", name="plain")
    server.ended(execution_id)
    page.open_execution(execution_id)
    page.page.get_by_role("link", name="Rerun traced").click()
    expect(page.page.get_by_label("Command", exact=True)).to_have_value("echo one; echo two")
    expect(page.page.get_by_label("Trace bash")).to_be_checked()


def test_lines_for_other_systems_are_shown_as_what_they_mean(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create(
        "echo ::group::Build; echo ::error file=a.c,line=3::no such symbol; echo ::endgroup::;"
        " echo ::add-mask::something-long; echo '##vso[task.logissue type=warning]slow'"
    )
    server.ended(execution_id)
    page.open_execution(execution_id)
    expect(page.row(2).locator(".remark.error")).to_contain_text("no such symbol")
    expect(page.row(3)).to_contain_text("Completed")
    expect(page.row(5).locator(".remark.warning")).to_have_text("slow")
    page.page.get_by_role("button", name="Control lines").click()
    page.shows(2, "::error file=a.c,line=3::no such symbol")
    page.shows(3, "::endgroup::")


def test_a_step_takes_what_its_own_language_says_it_took(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create(
        r"printf 'section_start:1700000000:a\r\033[0KTests\n"
        r"section_end:1700000007:a\r\033[0K\n'"
    )
    server.ended(execution_id)
    page.open_execution(execution_id)
    expect(page.page.get_by_role("treeitem", name="Tests, Completed")).to_contain_text("7.0s")
    page.shows(1, "7.0s")
    page.shows(2, "7.0s")
