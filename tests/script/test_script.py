"""`stepflow.script`: what it prints, as the parser understands it; in the Python of any script."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stepflow.events import as_json
from stepflow.timeline import Parser, ParserOptions

SOURCE = Path(__file__).parents[2] / "src"
OLD_PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.8.*/bin/python"))
IMPORTS = "import os, sys\nfrom stepflow.script import *\n"


def printed(
    program: str, python: str | Path = sys.executable, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [
            python,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{IMPORTS}{program}",
        ],
        capture_output=True,
        env={"STEPFLOW_EXECUTION_ID": "x", "PYTHONIOENCODING": "utf-8", **environment},
        check=False,
    )


def told(program: str, **environment: str) -> list[dict[str, Any]]:
    answer = printed(program, **environment)
    parser = Parser(ParserOptions(), with_lines=True)
    events = parser.feed(answer.stdout) + parser.finish(answer.returncode)
    return [{k: v for k, v in as_json(e).items() if k not in ("log_line", "at")} for e in events]


def short(program: str, **environment: str) -> list[str]:
    shown = []
    for event in told(program, **environment):
        if event["event"] == "step_start":
            shown.append(
                f"+{event['name']}" + (f"({event['parent']})" if "parent" in event else "")
            )
        elif event["event"] == "step_end":
            shown.append(f"-{event['name']}:{event['status']}")
        else:
            shown.append(event["event"])
    return shown


NAMES = [
    "Build",
    "a [x=1]",
    "b {y: 2} --z=3",
    "two\nlines",
    " blanks ",
    '"quoted"',
    "é測",
    "\ud800",
    "[id=x]",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_any_name_begins_and_ends(name: str) -> None:
    events = told(f"with step({name!r}): print('at work')")
    known = name.encode("utf-8", "replace").decode()
    assert [e.get("name", e.get("text")) for e in events] == [known, "at work", known]
    assert events[2]["status"] == "completed"


def test_an_ordinary_step_is_a_line_that_people_can_read() -> None:
    answer = printed("with step('Build', stop_on_error=True): metric('size', 1.5, unit='MB')")
    assert answer.stdout.decode().splitlines() == [
        "STEP_START:Build [stop_on_error=true]",
        "STEP_METRIC:size:1.5 [unit=MB]",
        " STEP_COMPLETE:Build",
    ]


def test_steps_nest_as_their_blocks_do() -> None:
    program = "with step('a'):\n with step('b'):\n  with step('c [1]'): pass\n with step('d'): pass"
    assert short(program) == [
        *("+a", "+b(a)", "+c [1](b)", "-c [1]:completed", "-b:completed"),
        *("+d(a)", "-d:completed", "-a:completed"),
    ]


def test_a_group_that_a_tool_prints_lies_in_the_step_that_runs_it() -> None:
    assert short("with step('a'): print('::group::g\\n::endgroup::')") == [
        *("+a", "+g(a)", "-g:completed", "-a:completed")
    ]


def test_an_exception_fails_its_step_and_goes_on() -> None:
    answer = printed("with step('a'): raise ValueError('two\\nlines [line=3]')")
    assert b"ValueError: two" in answer.stderr
    _, remark, end = told("with step('a'): raise ValueError('two\\nlines [line=3]')")
    assert (end["status"], end["message"]) == ("failed", "ValueError: two\nlines [line=3]")
    assert (remark["level"], remark["message"]) == ("error", end["message"])


@pytest.mark.parametrize(
    ("ending", "status"),
    [("sys.exit()", "completed"), ("sys.exit(3)", "failed"), ("raise KeyboardInterrupt", "failed")],
)
def test_leaving_the_program_ends_its_step(ending: str, status: str) -> None:
    assert short(f"with step('a'): {ending}")[-1] == f"-a:{status}"


def test_threads_and_tasks_side_by_side_do_not_end_each_other() -> None:
    threads = """
import threading
meeting = threading.Barrier(3)
def work(name):
    with step(name):
        meeting.wait()
        progress(0.5)
with step("all"):
    threads = [threading.Thread(target=work, args=("same",)) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""
    events = told(threads)
    assert [e["parent"] for e in events if e.get("parent")] == ["all"] * 3
    assert sorted(e["index"] for e in events if e["event"] == "progress") == [1, 2, 3]
    assert [e["status"] for e in events if e["event"] == "step_end"] == ["completed"] * 4
    assert not [e for e in events if e["event"] == "warning"]


def test_tasks_side_by_side_hold_their_own_steps() -> None:
    tasks = """
import asyncio
@step("task")
async def work(meeting):
    with step("inner"):
        await meeting.wait()
async def main():
    meeting = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, meeting.set)
    await asyncio.gather(work(meeting), work(meeting))
asyncio.run(main())
"""
    events = told(tasks)
    parents = [(e["name"], e.get("parent")) for e in events if e["event"] == "step_start"]
    assert parents == [("task", None), ("inner", "task")] * 2
    assert [e.get("reason") for e in events if e["event"] == "step_end"] == [None] * 4


def test_a_cancelled_task_is_a_cancelled_step() -> None:
    program = """
import asyncio
async def main():
    with step("a"):
        await asyncio.wait_for(asyncio.sleep(9), 0.01)
try: asyncio.run(main())
except asyncio.TimeoutError: pass
"""
    assert (
        short("import asyncio\nwith step('a'): raise asyncio.CancelledError")[-1] == "-a:cancelled"
    )
    assert short(program)[-1] == "-a:failed"


def test_forks_do_not_end_the_step_of_their_parent() -> None:
    program = """
with step("a"):
    for _ in range(2):
        if not os.fork():
            with step("child"): pass
            break
    else:
        while True:
            try: os.wait()
            except ChildProcessError: break
"""
    assert sorted(short(program)) == sorted(
        ["+a", "-a:completed", *(["+child(a)", "-child:completed"] * 2)]
    )


def test_what_is_skipped_leaves_the_step_around_it_open() -> None:
    program = "with step('a'):\n skip('b', 'no need')\n skip('c [x]', 'two\\nlines')\n print('x')"
    assert short(program) == [
        *("+a", "+b(a)", "-b:skipped", "+c [x](a)", "-c [x]:skipped", "log", "-a:completed")
    ]


REMARKS = [
    ("notice('n', file='a b.c', line=3)", {"level": "notice", "file": "a b.c", "line": 3}),
    ("warning('w [line=9]', title='5')", {"message": "w [line=9]", "title": "5"}),
    ("error('e\\nf', col=1)", {"level": "error", "message": "e\nf", "col": 1}),
    ("progress(3, 12, 'files')", {"current": 3, "total": 12, "value": 0.25, "message": "files"}),
    ("progress(2.5)", {"value": 1}),
    ("progress(1/3)", {"value": pytest.approx(1 / 3, abs=1e-4)}),
    ("metric('a:b', -1e-7, step=4)", {"name": "a:b", "value": -1e-7, "step": 4}),
    ("artifact('dist/a.tar', 'The build')", {"path": "dist/a.tar", "description": "The build"}),
    ("artifact('a:b.txt', 'c', name='d')", {"path": "a:b.txt", "description": "c", "name": "d"}),
    ("artifact('https://example.org/x')", {"path": "https://example.org/x"}),
    ("summary('# T\\n\\ta  ')", {"markdown": "# T\n\ta  "}),
    ("output('v', '1\\n2')", {"name": "v", "value": "1\n2"}),
    ("output('v', 5)", {"name": "v", "value": "5"}),
    ("meta('k', ' v ')", {"key": "k", "value": " v "}),
    ("mask('hunter2')", {"values": ["hunter2"]}),
]


@pytest.mark.parametrize(("said", "facts"), REMARKS, ids=[said for said, _ in REMARKS])
def test_what_is_said_is_understood(said: str, facts: dict[str, Any]) -> None:
    (event,) = told(said)
    assert {key: event.get(key) for key in facts} == facts


def test_a_summary_of_plain_lines_is_put_together_again() -> None:
    markdown = "# Title\n\n- a\n  - b"
    assert "\n".join(e["markdown"] for e in told(f"summary({markdown!r})")) == markdown


def test_nothing_that_is_said_can_stop_a_script() -> None:
    program = (
        "metric('a [x]', float('nan')); metric('n', float('inf')); progress(1, 0)\n"
        "progress(float('nan')); sys.stdout = None; notice('x'); print('on', file=sys.stderr)"
    )
    answer = printed(program)
    assert (answer.returncode, answer.stderr) == (0, b"on\n")


def test_a_secret_is_not_printed_where_nobody_would_hide_it() -> None:
    answer = printed("del os.environ['STEPFLOW_EXECUTION_ID']; mask('hunter2'); notice('n')")
    assert answer.stdout == b"STEP_NOTICE:n\n"


def test_an_output_that_only_knows_ascii_is_enough() -> None:
    (event,) = told("notice('é測')", PYTHONIOENCODING="ascii")
    assert event["message"] == "é測"


def test_a_path_means_what_it_meant_when_the_script_began(tmp_path: Path) -> None:
    (event,) = told(f"os.chdir({str(tmp_path)!r}); artifact('a.txt')")
    assert event["path"] == str(tmp_path / "a.txt")


@pytest.mark.skipif(not OLD_PYTHONS, reason="there is no Python 3.8 here")
def test_python_3_8_is_enough() -> None:
    program = "@step('a [x]')\ndef f(): metric('m', 1); mask('abc')\nf()\nwith step('b'): 1 / 0"
    assert printed(program, OLD_PYTHONS[0]).stdout == printed(program).stdout


def test_it_is_one_file_that_may_be_copied(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_bytes((SOURCE / "stepflow" / "script.py").read_bytes())
    command = [sys.executable, "-S", "-c", "from steps import step\nwith step('a'): pass"]
    told = subprocess.check_output(command, cwd=tmp_path, text=True)
    assert told == "STEP_START:a\n STEP_COMPLETE:a\n"
