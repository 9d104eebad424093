"""What an execution leaves behind: its summary, its artifacts, why it failed, and its input."""

import gzip
import io
import zipfile

import pytest
from playwright.sync_api import expect
from watched_page import WatchedPage

from eventually import eventually
from server_process import ServerProcess

SUMMARY = r"""
echo 'STEP_SUMMARY:## Result'; echo 'STEP_SUMMARY:**12** files <script>window.hit=1</script>'
echo 'STEP_SUMMARY:[bad](javascript:window.hit=1) ![plot](plot.png)'
for i in 1 2 3; do echo "STEP_METRIC:loss:$i [unit=nats]"; done
echo STEP_OUTPUT:version:1.2.3
echo "##teamcity[testStarted name='adds']"; echo "##teamcity[testFinished name='adds']"
echo "##teamcity[testStarted name='multiplies']"
echo "##teamcity[testFailed name='multiplies' type='comparisonFailure' \
message='wrong product' expected='6' actual='8']"
echo "##teamcity[testFinished name='multiplies']"
for i in $(seq 250); do echo "STEP_WARNING:warning $i"; done
"""


@pytest.fixture(scope="module")
def summary_id(server: ServerProcess) -> str:
    execution_id = server.create(SUMMARY, name="summary")
    server.ended(execution_id)
    return execution_id


@pytest.fixture(scope="module")
def files_id(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("files")
    (folder / "table.csv").write_text('name,value\n"a, b",1\n')
    (folder / "data.json").write_text('{"deep": {"list": [1, 2]}}')
    (folder / "notes.md").write_text("# Notes\n\n<b>raw</b>\n")
    (folder / "page.html").write_text("<h1>Page</h1><script>parent.hit=1</script>")
    (folder / "doc.pdf").write_bytes(b"%PDF-1.1\n")
    (folder / "empty.txt").touch()
    names = ("table.csv", "data.json", "notes.md", "page.html", "doc.pdf", "empty.txt", "gone")
    execution_id = server.create(
        "; ".join(f"echo ARTIFACT:{name}" for name in names), working_directory=str(folder)
    )
    server.ended(execution_id)
    return execution_id


def test_a_summary_is_drawn_and_can_do_nothing(page: WatchedPage, summary_id: str) -> None:
    page.open_execution(summary_id, "?view=summary")
    summary = page.page.locator(".markdown")
    expect(summary.get_by_role("heading", name="Result")).to_be_visible()
    expect(summary).to_contain_text("<script>window.hit=1</script>")
    assert summary.locator("a, img, script").count() == 0
    assert page.page.evaluate("window.hit") is None


def test_a_summary_has_charts_tests_and_outputs(page: WatchedPage, summary_id: str) -> None:
    page.open_execution(summary_id, "?view=summary")
    expect(page.page.get_by_role("img", name="loss: values from 1 nats to 3 nats")).to_be_visible()
    page.page.locator("figure summary").click()
    expect(page.page.locator("figure tbody tr")).to_have_count(3)
    expect(page.page.get_by_text("wrong product", exact=True)).to_be_visible()
    expect(page.page.locator("pre .gone")).to_contain_text("6")
    expect(page.page.locator("pre .new")).to_contain_text("8")
    page.page.get_by_role("button", name="1 passed").click()
    expect(page.page.get_by_text("adds", exact=True)).to_be_visible()
    expect(page.page.locator("dd")).to_contain_text("1.2.3")


def test_remarks_are_read_page_by_page_and_lead_into_the_log(
    page: WatchedPage, summary_id: str
) -> None:
    page.open_execution(summary_id, "?view=summary")
    expect(page.page.get_by_role("heading", name="250 warnings")).to_be_visible()
    page.page.get_by_role("button", name="Show more (100 of 250)").click()
    page.page.get_by_role("button", name="Show more (200 of 250)").click()
    last = page.page.get_by_role("listitem").filter(has_text="warning 250")
    last.get_by_role("button").click()
    page.shows(262, "warning 250")


def test_a_hundred_thousand_remarks_are_all_in_the_log(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create("seq 100000 | sed 's/.*/::warning file=a.c,line=&::remark &/'")
    server.ended(execution_id)
    page.open_execution(execution_id, "?view=summary")
    expect(page.page.get_by_role("note")).to_contain_text("The first 1,000 are listed here")
    page.press("1", "End")
    page.shows(100_000, "remark 100000")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("table.csv", "a, b"),
        ("data.json", "deep"),
        ("notes.md", "<b>raw</b>"),
        ("empty.txt", "The file is empty."),
    ],
)
def test_a_file_is_shown_as_what_it_is(
    page: WatchedPage, files_id: str, name: str, shown: str
) -> None:
    page.open_execution(files_id, "?view=artifacts")
    page.page.get_by_role("button", name=name).click()
    preview = page.page.get_by_role("region", name=f"Preview of {name}")
    expect(preview).to_contain_text(shown)
    page.page.reload()
    expect(preview).to_contain_text(shown)


def test_a_page_is_shown_without_its_scripts(page: WatchedPage, files_id: str) -> None:
    page.open_execution(files_id, "?view=artifacts")
    page.page.get_by_role("button", name="page.html").click()
    frame = page.page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Page")).to_be_visible()
    assert page.page.evaluate("window.hit") is None
    # Chromium says that it did not run the script: that is what was wanted.
    page.troubles.clear()


def test_all_files_come_in_one_download(page: WatchedPage, files_id: str) -> None:
    page.open_execution(files_id, "?view=artifacts")
    with page.page.expect_download() as download:
        page.page.get_by_role("link", name="Download all 6").click()
    content = io.BytesIO(download.value.path().read_bytes())
    with zipfile.ZipFile(content) as bundle:
        assert {"table.csv", "MISSING.txt"} <= set(bundle.namelist())


def test_a_failure_names_its_step_and_what_speaks_for_a_cause(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create(
        "echo STEP_START:Build; echo STEP_START:Pack; echo 'tar: No space left on device'; "
        "echo STEP_ERROR:could not pack; echo STEP_COMPLETE:Build; exit 1"
    )
    server.ended(execution_id)
    page.open_execution(execution_id)
    card = page.page.get_by_role("region", name="Why it ended")
    expect(card).to_contain_text("Build / Pack")
    expect(card).to_contain_text("The disk was full")
    card.get_by_role("button", name="Copy short").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("Build / Pack: could not pack")


def test_a_failure_leads_to_what_changed_since_the_last_success(
    page: WatchedPage, server: ServerProcess
) -> None:
    server.ended(server.create("echo one; echo two", name="changes"))
    server.ended(server.create("echo one; echo two", name="another"))
    failed = server.create("echo one; echo three; exit 1", name="changes")
    server.ended(failed)
    page.open_execution(failed)
    page.page.get_by_role("link", name="What changed").click()
    expect(page.page.get_by_text("The first line that differs is line 2.")).to_be_visible()
    expect(page.page.get_by_role("main")).to_contain_text("changes")
    expect(page.page.get_by_role("main")).not_to_contain_text("another")


def test_a_script_killed_by_nobody_here_speaks_for_the_kernel(
    page: WatchedPage, server: ServerProcess
) -> None:
    execution_id = server.create("kill -9 $$")
    server.ended(execution_id)
    page.open_execution(execution_id)
    card = page.page.get_by_role("region", name="Why it ended")
    expect(card).to_contain_text("the kernel does that when memory runs out")


def test_a_line_is_given_to_a_script_that_reads(page: WatchedPage, server: ServerProcess) -> None:
    execution_id = server.create("read name; echo hello $name; read rest", tty=True)
    page.open_execution(execution_id)
    page.page.get_by_role("textbox", name="Send a line to the script").fill("anna")
    page.press("Enter")
    eventually(lambda: b"hello anna" in server.text(execution_id))
    page.page.get_by_role("button", name="Ctrl C").click()
    page.waits_for_status("failed")


def test_the_first_paint_loads_little(page: WatchedPage, server: ServerProcess) -> None:
    execution_id = server.create("echo hi")
    server.ended(execution_id)
    loaded: list[str] = []
    page.page.on("request", lambda request: loaded.append(request.url))
    page.open_execution(execution_id).shows(1, "hi")
    assets = [
        server.client.get(url.removeprefix(server.url)).content
        for url in loaded
        if "/assets/" in url
    ]
    assert len(assets) >= 2
    assert sum(len(gzip.compress(asset)) for asset in assets) <= 120_000
