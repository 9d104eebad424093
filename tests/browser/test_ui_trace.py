from playwright.sync_api import expect
from watched_page import WatchedPage

from server_process import ServerProcess


def test_a_command_of_a_traced_script_is_shown_with_what_it_prints(
    page: WatchedPage, server: ServerProcess
) -> None:
    marks = r"printf '\033]633;E;make all\a\033]133;C\abuilding\n\033]133;D;0\a'"
    execution_id = server.create(marks)
    server.ended(execution_id)
    page.open_execution(execution_id)
    page.shows(1, "make all")
    expect(page.row(1)).to_contain_text("building")
