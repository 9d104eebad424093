"""The commands that look at what there is, with a real server."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import Cli

from eventually import eventually
from stepflow.cli.client import FolderClient

REPOSITORY = Path(__file__).parents[2]
SCRIPT = """
echo before
echo STEP_START:Build
printf '\\033[32mgreen\\033[0m\\377\\n'
echo content > report.txt
echo 'ARTIFACT:report.txt:The report'
echo STEP_COMPLETE:Build
echo STEP_START:Test
echo 'STEP_ERROR:2 tests failed'
exit 3
"""


@pytest.fixture(scope="module")
def failed(shared: Cli) -> str:
    """The id of an execution with steps, an artifact and a failure."""
    told = shared("run", "-d", "--name", "nightly", "--tag", "ci", "--", "sh", "-c", SCRIPT)
    identity = told.stdout.decode().strip()
    assert shared("wait", identity).returncode == 3
    return identity


def test_the_list_can_be_filtered(shared: Cli, failed: str) -> None:
    shared("run", "--name", "other", "--", "true")
    for filters in (["--status", "failed"], ["--tag", "ci"], ["--name", "nightly"]):
        rows = shared("ls", *filters).stdout.decode().splitlines()
        assert [row.split("\t")[0] for row in rows] == [failed]


def test_the_list_is_one_json_document(shared: Cli, failed: str) -> None:
    page = json.loads(shared("ls", "--json", "--all").stdout)
    assert failed in [one["id"] for one in page["executions"]]
    assert page["count"] == len(page["executions"])


def test_a_wrong_status_is_one_line(shared: Cli) -> None:
    answer = shared("ls", "--status", "broken")
    assert answer.returncode == 2
    assert answer.stderr.startswith(b"stepflow ls: status: 'broken' is none of")


def test_show_tells_steps_artifacts_and_the_outcome_in_words(shared: Cli, failed: str) -> None:
    text = shared("show", failed).stdout.decode()
    assert text.startswith("✗ nightly failed with exit code 3\n")
    assert re.search(r"✓ Build .*\n  ✗ Test .*\n    2 tests failed\n", text)
    assert "report.txt  8 B  The report" in text


def test_a_unique_beginning_and_last_name_an_execution(shared: Cli, failed: str) -> None:
    wanted = json.loads(shared("show", failed, "--json").stdout)["execution"]["id"]
    beginning = json.loads(shared("show", failed[:18], "--json").stdout)["execution"]["id"]
    assert beginning == wanted == failed
    newest = shared("run", "-d", "--", "true").stdout.decode().strip()
    shown = json.loads(shared("show", "last", "--json").stdout)
    assert shown["execution"]["id"] == newest


def test_a_beginning_that_fits_several_is_refused(shared: Cli, failed: str) -> None:
    shared("run", "--", "true")
    answer = shared("show", failed[:2])
    assert answer.returncode == 2
    assert re.search(rb"fits \d+ executions", answer.stderr)


@pytest.mark.parametrize("word", ["ffffffff", "00000000-0000-7000-8000-000000000000"])
def test_an_unknown_execution_is_one_line(shared: Cli, word: str) -> None:
    answer = shared("show", word)
    assert answer.returncode == 1
    assert answer.stderr.count(b"\n") == 1


def test_logs_to_a_pipe_are_exact(shared: Cli, failed: str) -> None:
    log = shared("logs", failed).stdout
    assert log.splitlines()[2] == b"\x1b[32mgreen\x1b[0m\xff"
    assert shared("logs", failed, "--since-line", "2").stdout == log.split(b"\n", 2)[2]
    assert shared("logs", failed, "-n", "1").stdout == b"STEP_ERROR:2 tests failed\n"


def test_logs_of_one_step_are_its_lines(shared: Cli, failed: str) -> None:
    log = shared("logs", failed, "--step", "Test").stdout
    assert log == b"STEP_START:Test\nSTEP_ERROR:2 tests failed\n"
    assert shared("logs", failed, "--step", "1").stdout == log
    assert shared("logs", failed, "--step", "Nowhere").returncode == 1


def test_logs_can_carry_the_time_of_each_line(shared: Cli, failed: str) -> None:
    lines = shared("logs", failed, "--timestamps").stdout.splitlines()
    assert len(lines) == 7
    assert all(re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]", line) for line in lines)


def test_followed_logs_end_with_the_execution(shared: Cli) -> None:
    identity = shared("run", "-d", "--", "sh", "-c", "echo a; sleep 0.4; echo b").stdout.decode()
    assert shared("logs", "-f", identity.strip()).stdout == b"a\nb\n"


def test_a_follower_of_a_step_sees_its_lines_as_they_come(shared: Cli) -> None:
    script = "echo STEP_START:A; echo in; sleep 0.4; echo STEP_COMPLETE:A; echo out"
    identity = shared("run", "-d", "--", "sh", "-c", script).stdout.decode().strip()
    eventually(lambda: b"in" in shared("logs", identity).stdout)
    followed = shared("logs", "-f", "--step", "A", identity)
    assert followed.stdout == b"STEP_START:A\nin\nSTEP_COMPLETE:A\n"


def test_artifacts_are_listed_and_fetched(shared: Cli, failed: str, tmp_path: Path) -> None:
    assert b"report.txt  8 B" in shared("artifacts", failed).stdout
    answer = shared("artifacts", failed, "get", "report.txt", "-o", str(tmp_path))
    assert answer.stdout.decode() == f"{tmp_path}/report.txt\n"
    assert (tmp_path / "report.txt").read_text() == "content\n"


def test_fetching_never_overwrites(shared: Cli, failed: str, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("mine")
    shared("artifacts", failed, "get", "--all", "-o", str(tmp_path))
    assert (tmp_path / "report.txt").read_text() == "mine"
    assert (tmp_path / "report-1.txt").read_text() == "content\n"


def test_an_artifact_that_is_not_there_is_one_line(shared: Cli, failed: str) -> None:
    answer = shared("artifacts", failed, "get", "nothing")
    assert answer.returncode == 1
    assert b"there is no artifact 'nothing'" in answer.stderr


def test_rerun_runs_the_same_again_with_its_exit_code(shared: Cli, failed: str) -> None:
    answer = shared("rerun", failed, "--name", "again")
    assert answer.returncode == 3
    shown = json.loads(shared("show", "last", "--json").stdout)["execution"]
    assert (shown["name"], shown["rerun_of"]) == ("again", failed)


def test_delete_removes_and_refuses_what_runs(shared: Cli) -> None:
    identity = shared("run", "-d", "--", "sleep", "60").stdout.decode().strip()
    assert shared("delete", identity).returncode == 1
    shared("cancel", identity, "--kill")
    shared("wait", identity)
    assert shared("delete", identity).returncode == 0
    assert shared("show", identity).returncode == 1


def test_config_names_each_setting_and_its_source(shared: Cli) -> None:
    shared.environment["STEPFLOW_MAX_RUNNING"] = "7"
    rows = {row["name"]: row for row in json.loads(shared("config", "--json").stdout)}
    del shared.environment["STEPFLOW_MAX_RUNNING"]
    assert rows["STEPFLOW_MAX_RUNNING"]["value"] == 7
    assert "environment" in rows["STEPFLOW_MAX_RUNNING"]["source"]
    assert rows["STEPFLOW_PORT"]["source"] == "default"


def test_a_wrong_setting_is_one_line_and_exit_code_2(shared: Cli) -> None:
    answer = shared("serve", "--port", "http")
    assert answer.returncode == 2
    assert answer.stderr.startswith(b"stepflow serve: --port: 'http' is not allowed")


def test_the_doctor_finds_a_running_server_healthy(shared: Cli, failed: str) -> None:
    answer = shared("doctor")
    assert answer.returncode == 0, answer.stdout
    assert b"healthy" in answer.stdout
    found = json.loads(shared("doctor", "--json").stdout)
    assert {"system", "pump", "storage", "server"} <= {finding["name"] for finding in found}


def test_a_viewer_makes_no_storage_where_there_is_none(tmp_path: Path) -> None:
    answer = Cli(tmp_path, tmp_path / "nothing")("ls")
    assert answer.returncode == 5
    assert not (tmp_path / "nothing").exists()


def test_a_server_elsewhere_is_reached_by_url_and_key(tmp_path: Path) -> None:
    cli = Cli(tmp_path, tmp_path / "storage")
    cli.environment["STEPFLOW_API_KEY"] = "open sesame"
    server = cli.start("serve", "--port", "0", "--websocket-port", "0")
    log = tmp_path / "logs" / "stepflow.log"
    address = eventually(
        lambda: log.exists() and re.search(r"http=([\d.:]+)", log.read_text()), within=20
    )
    cli.environment["STEPFLOW_URL"] = f"http://{address[1]}"
    answer = cli("run", "--", "sh", "-c", "cat; exit 2", stdin=b"over the wire")
    assert (answer.returncode, answer.stdout) == (2, b"over the wire")
    cli.environment["STEPFLOW_API_KEY"] = "wrong"
    refused = cli("ls")
    assert refused.returncode == 1
    assert b"STEPFLOW_API_KEY" in refused.stderr
    server.terminate()
    server.communicate(timeout=20)


def test_a_url_where_nobody_answers_is_one_line(shared: Cli) -> None:
    answer = shared("ls", "--url", "http://127.0.0.1:1")
    assert answer.returncode == 5
    assert b"check STEPFLOW_URL" in answer.stderr


@pytest.mark.parametrize(("change", "is_heard"), [(False, False), (True, True)])
def test_the_guides_sed_changes_the_level(tmp_path: Path, change: bool, is_heard: bool) -> None:
    shutil.copytree(REPOSITORY / "app", tmp_path / "app")
    main = tmp_path / "app" / "main.py"
    if change:
        subprocess.run(["sed", "-i", "s/logging.INFO/logging.DEBUG/", main], check=True)
    cli = Cli(tmp_path, tmp_path / "storage")
    command = [sys.executable, "app/main.py", "--port", "0", "--websocket-port", "0"]
    server = subprocess.Popen(
        command, cwd=tmp_path, env=cli.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    eventually((tmp_path / "storage" / "stepflow.sock").exists, within=20)
    levels = {row["name"]: row["value"] for row in cli_settings(cli)}
    assert (levels["STEPFLOW_LOG_LEVEL"] == "DEBUG") is is_heard
    server.terminate()
    server.communicate(timeout=20)


def cli_settings(cli: Cli) -> list[dict[str, str]]:
    client = FolderClient(cli.storage)
    try:
        settings: list[dict[str, str]] = client.ask("GET", "/api/config")["settings"]
    finally:
        client.close()
    return settings


def test_logs_on_a_terminal_keep_colours_and_drop_what_steers(shared: Cli) -> None:
    script = r"printf '\033]52;c;aGk=\007\033[32mgreen\033[0m\033[2J 10%%\r100%%\n'"
    shared("run", "--", "sh", "-c", script)
    master, slave = os.openpty()
    subprocess.run(shared.command("logs", "last"), stdout=slave, env=shared.environment, check=True)
    os.close(slave)
    shown = os.read(master, 4096)
    os.close(master)
    assert shown == b"100%\r\n"
