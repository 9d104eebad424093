"""Traced bash scripts: what the marks say, and that nothing else of the script changes."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from launching import folder_at, ran, shell

from stepflow.events import StepEnd, StepStart, as_json
from stepflow.process import traced
from stepflow.timeline import Parser, ParserOptions


class Script:
    """One run of a script under a FIFO, as a pump gives it one."""

    def __init__(self, text: str, folder: Path, *command: str, **environment: str) -> None:
        out, file = folder / "out", folder / "script"
        os.mkfifo(out)
        file.write_text(text)
        self.said = bytearray()
        reader = threading.Thread(target=self._read, args=(out,))
        reader.start()
        with out.open("wb") as end:
            self.process = subprocess.run(
                [*(command or ("bash",)), str(file)],
                stdin=subprocess.DEVNULL,
                stdout=end,
                stderr=subprocess.PIPE,
                env=traced({"PATH": os.environ["PATH"], **environment}, out),
                cwd=folder,
                timeout=60,
                check=False,
            )
        reader.join()

    def _read(self, out: Path) -> None:
        with out.open("rb") as end:
            while part := end.read(65536):
                self.said += part

    def events(self) -> list[dict[str, Any]]:
        parser = Parser(ParserOptions(), with_lines=True)
        events = parser.feed(bytes(self.said)) + parser.finish(self.process.returncode)
        return [as_json(event) for event in events]

    def steps(self) -> list[str]:
        """name:exit code, in the parent's brackets; in the order of the starts."""
        events = self.events()
        ends = {e["index"]: e for e in events if e["event"] == "step_end"}
        return [
            f"{e['name']}:{ends[e['index']].get('exit_code', ends[e['index']]['status'])}"
            + (f" in {e['parent']}" if "parent" in e else "")
            for e in events
            if e["event"] == "step_start"
        ]

    def lines(self) -> list[str]:
        return [e["text"] for e in self.events() if e["event"] == "log"]


def steps(text: str, folder: Path) -> list[str]:
    return Script(text, folder).steps()


def test_every_command_is_a_step_with_its_exit_code(tmp_path: Path) -> None:
    assert steps("echo one\nfalse\nsh -c 'exit 3' || true\ncd /\n", tmp_path) == [
        "echo one:0",
        "false:1",
        "sh -c 'exit 3':3",
        "true:0",
        "cd /:0",
    ]


def test_a_command_takes_as_long_as_it_takes(tmp_path: Path) -> None:
    script = Script("printf 'no newline '\nsleep 0.2\necho end\n", tmp_path)
    seconds = {e["name"]: e.get("duration") for e in script.events() if e["event"] == "step_end"}
    assert 0.2 <= seconds["sleep 0.2"] < 2
    assert "".join(script.lines()) == "no newline end"


def test_what_functions_run_lies_inside_of_their_call(tmp_path: Path) -> None:
    text = "f() { echo in; g; }\ng() { true two; return 4; }\nf a\necho out"
    assert steps(text, tmp_path) == [
        "f a:4",
        "echo in:0 in f a",
        "g:4 in f a",
        "true two:0 in g",
        "echo out:0",
    ]


def test_subshells_are_followed_where_they_write_to_the_same_place(tmp_path: Path) -> None:
    text = """(echo a; exit 2)
x=$(echo not; false)
echo "$x" > file
(echo hidden) > file
f() ( echo inside )
f
(sleep 0; echo beside) &
wait
"""
    assert steps(text, tmp_path) == [
        *("echo a:0", "exit 2:2", "x=$(echo not; false):1", 'echo "$x" > file:0', "f:0"),
        *("echo inside:0 in f", "wait:0"),
    ]


def test_a_pipeline_is_one_step(tmp_path: Path) -> None:
    text = """set -o pipefail
echo b | cat | (exit 5)
echo c
yes | head -1
echo d
echo d |
    sed s/d/e/ | while read -r l; do :; done
echo e
"""
    assert [s for s in steps(text, tmp_path) if not s.startswith(": ")] == [
        *("echo b | cat | (exit 5):5", "echo c:0", "yes | head -1:141", "echo d:0"),
        *("echo d:0", "echo e:0"),
    ]


def test_a_condition_that_failed_shows_it(tmp_path: Path) -> None:
    text = """if false; then echo no; fi
echo next
while sh -c 'exit 3'; do :; done
! true || echo not
f() { if sh -c 'exit 4'; then echo no; fi; echo on; }
f
if false | true; then sh -c 'exit 6' && echo; fi
false; sleep 0 & wait
"""
    assert steps(text, tmp_path) == [
        *("false:1", "echo next:0", "sh -c 'exit 3':3", "true:0", "echo not:0"),
        *("f:0", "sh -c 'exit 4':4 in f", "echo on:0 in f"),
        *("false | true:0", "sh -c 'exit 6':6", "false:1", "sleep 0:0", "wait:0"),
    ]


def test_who_ends_the_script_is_a_step(tmp_path: Path) -> None:
    assert steps("echo a\nx=3\n(exit 2)\nexit $x\n", tmp_path) == [
        *("echo a:0", "exit 2:2", "exit $x:3"),
    ]


def test_a_command_that_begins_like_exit_is_one_like_others(tmp_path: Path) -> None:
    text = "cp /bin/false exit_code; PATH=.:$PATH\nexit_code\nexit_code\n"
    assert steps(text, tmp_path)[1:] == ["exit_code:1", "exit_code:1"]


@pytest.mark.parametrize("end", ["exit 3", "set -e; false"])
def test_what_a_trap_does_is_one_step(tmp_path: Path, end: str) -> None:
    text = f"""cleanup() {{
    echo clean
    sh -c 'exit 5' || echo gone
}}
trap 'echo bye; cleanup
echo end' EXIT
trap 'echo usr; echo usr2' USR1
kill -USR1 $$
echo
echo
{end}
"""
    last = end.rpartition("; ")[2]
    assert steps(text, tmp_path) == [
        *("kill -USR1 $$:0", "trap:0", "echo:0", "echo:0"),
        *(f"{last}:{3 if 'exit' in end else 1}", f"trap:{3 if 'exit' in end else 1}"),
    ]


def test_conditions_and_variables_are_no_steps(tmp_path: Path) -> None:
    text = """set -u
x=1

[ -f nothing ] || [[ $x == 2 ]] || ((x > 3)) || :
for i in 1 2; do x=$i; done
case $x in 2) export z=1 ;; esac
while read -r line; do :; done < /dev/null
a=b printenv a
"""
    assert steps(text, tmp_path) == ["a=b printenv a:0"]


UNCHANGED = [
    "set -eu; echo a; false; echo never",
    "set -e; trap 'echo bye $?' EXIT; f() { return 3; }; f",
    "set -x; echo a; f() { echo $1; }; f 'b c'; [ a = b ] || true",
    "set -Eeuo pipefail; trap 'echo at $LINENO: $BASH_COMMAND' ERR; echo a | grep b; echo no",
    "trap 'echo debug $BASH_COMMAND' DEBUG; echo a; f() { echo b; }; f",
    'mkdir d && cd "$_" && basename "$PWD"; echo x y; echo $_',
    "false | true | false; echo ${PIPESTATUS[*]} $?; (exit 4); echo $?",
    "x=$(echo a; echo b); echo \"[$x]\"; read -r a b <<< '1 2'; echo $a$b",
    "exec 2>&1; exec > file; echo in file; exec > /dev/stderr; cat file >&2",
    "IFS=,; set -f; echo a,b *; v='a,b'; echo $v; shopt -s nocasematch; [[ A == a ]] && echo same",
    "echo 'é ; \\ \a' | od -c | head -1; printf '%s\\n' \"$-\" | tr -d T",
    'f() { local IFS=:; echo "${FUNCNAME[*]} ${#BASH_ARGV[@]}"; }; f',
    "echo $BASH_SUBSHELL; (echo $BASH_SUBSHELL)",
    "trap 'echo got USR1' USR1; kill -USR1 $$; echo after; kill -TERM $$",
    "printf 'a\\nb\\n' | while read -r x; do echo \"<$x>\"; done; echo $(echo sub) `echo old`",
    "sleep 0 & wait $!; echo $?; { echo group; } > file; cat file",
    "echo a; exec sh -c 'echo replaced; exit 9'",
    "trap 'echo returned' RETURN; f() { echo b; }; f; echo c",
    "bash -c 'echo nested; exit 2'; echo $?; env | grep -c STEPFLOW; echo ${BASH_ENV-unset}",
    "[[ ab =~ (.)b ]]; echo x | cat; (exit 3); echo ${BASH_REMATCH[1]}",
    "trap 'echo bye; false; echo end $?' EXIT\ntrap 'echo hup' HUP\nkill -HUP $$\nexit 6",
    "echo done; exit 7",
]


@pytest.mark.parametrize("text", UNCHANGED, ids=range(len(UNCHANGED)))
def test_the_script_does_what_it_does_untraced(text: str, tmp_path: Path) -> None:
    plain, watched = tmp_path / "plain", tmp_path / "watched"
    plain.mkdir()
    watched.mkdir()
    (plain / "script").write_text(text)
    bare = subprocess.run(
        ["bash", str(plain / "script")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={"PATH": os.environ["PATH"]},
        cwd=plain,
        check=False,
    )
    script = Script(text, watched)
    assert script.process.returncode == bare.returncode
    assert script.process.stderr.replace(bytes(watched), bytes(plain)) == bare.stderr
    assert script.lines() == bare.stdout.decode("utf-8", "replace").splitlines()


def test_a_file_or_a_reader_that_the_script_writes_to_holds_no_marks(tmp_path: Path) -> None:
    text = "echo a > file\nbash -c 'echo b; echo c' >> file\n{ echo d; true; } | cat >> file\n"
    Script(text, tmp_path)
    assert (tmp_path / "file").read_text() == "a\nb\nc\nd\n"


def test_a_bash_whose_output_somebody_else_reads_is_not_traced(tmp_path: Path) -> None:
    text = "import subprocess; print(subprocess.check_output(['bash', '-c', 'echo a; echo b']))"
    assert bytes(Script(text, tmp_path, sys.executable).said) == b"b'a\\nb\\n'\n"


def test_a_script_of_sh_is_not_traced(tmp_path: Path) -> None:
    assert bytes(Script("echo a", tmp_path, "sh").said) == b"a\n"


def test_the_users_own_bash_env_is_read_and_seen(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("hello() { echo hello; }\n")
    script = Script("hello; echo $BASH_ENV", tmp_path, BASH_ENV=str(tmp_path / "own"))
    assert script.lines() == ["hello", str(tmp_path / "own")]


def test_a_long_loop_costs_a_bounded_number_of_steps(tmp_path: Path) -> None:
    script = Script("for ((i = 0; i < 6000; i++)); do true $i; done; echo end", tmp_path)
    assert script.lines() == ["end"]
    assert len(script.steps()) == 5000
    assert len(script.said) < 5000 * 60


def test_what_a_script_starts_holds_nothing_of_the_tracer(tmp_path: Path) -> None:
    script = Script("echo a\nls /proc/self/fd | wc -l\nenv | grep -c -i stepflow", tmp_path)
    assert script.lines() == ["a", "4", "0"]


def test_a_silent_command_is_seen_while_it_runs() -> None:
    parser = Parser(ParserOptions())
    (begun,) = parser.feed(b"\x1b]633;E;sleep 1h\x07\x1b]133;C\x07")
    assert isinstance(begun, StepStart)
    (ended, _) = parser.feed(b"\x1b]133;D;0;open=0;ms=5\x07\x1b]633;E;next\x07\x1b]133;C\x07")
    assert isinstance(ended, StepEnd)
    assert (ended.name, ended.duration, ended.exit_code) == ("sleep 1h", 0.005, 0)


@pytest.mark.parametrize("tty", [False, True])
def test_it_works_under_a_pump(tmp_path: Path, tty: bool) -> None:
    folder = folder_at(tmp_path)
    launch = shell("exec bash -c 'echo one; false; echo two'", tty=tty)
    environment = traced(launch.environment, folder.out)
    ran(folder, msgspec.structs.replace(launch, environment=environment))
    parser = Parser(ParserOptions())
    events = parser.feed(folder.log.read_bytes()) + parser.finish(0)
    ends = [(e.name, e.exit_code) for e in events if isinstance(e, StepEnd)]
    assert ends == [("echo one", 0), ("false", 1), ("echo two", 0)]
