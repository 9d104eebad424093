"""What a script gets to see of the server: its environment less the server's own business."""

import json
import os
import sys
from pathlib import Path

from server_process import ServerProcess

OURS = {
    "STEPFLOW_EXECUTION_ID",
    "STEPFLOW_SUMMARY",
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    "PYTHONUNBUFFERED",
    "GIT_TERMINAL_PROMPT",
    "DEBIAN_FRONTEND",
}


def environment(served: ServerProcess, **fields: object) -> dict[str, str]:
    program = "import os, json; print(json.dumps(dict(os.environ)))"
    execution_id = served.create([sys.executable, "-c", program], **fields)
    assert served.ended(execution_id)["execution"]["status"] == "completed"
    found: dict[str, str] = json.loads(served.text(execution_id))
    return found


def test_a_minimal_environment_is_exactly_six_names_and_ours(tmp_path: Path) -> None:
    served = ServerProcess(tmp_path / "served", STEPFLOW_SCRIPT_ENVIRONMENT="minimal")
    given = {"LANG": "C.UTF-8", "TZ": "UTC", "SHELL": "/bin/sh", "USER": "u", "HOME": "/"}
    noise = {"LC_ALL": "C.UTF-8", "LOGNAME": "u", "TMPDIR": "/tmp", "AWS_SECRET": "x", "TERM": "x"}
    served.environment |= given | noise
    with served:
        found = environment(served, environment={"MINE": "yes"})
    assert set(found) == {"PATH", *given, *OURS, "MINE"}
    assert {name: found[name] for name in given} == given


def test_an_inherited_environment_has_nothing_of_the_servers_own(tmp_path: Path) -> None:
    served = ServerProcess(tmp_path / "served", STEPFLOW_API_KEY="the-servers-own-key")
    dropped = ["NOTIFY_SOCKET", "LISTEN_FDS", "INVOCATION_ID", "JOURNAL_STREAM", "WATCHDOG_USEC"]
    served.environment |= dict.fromkeys(dropped, "1") | {"KEPT": "yes"}
    with served:
        found = environment(served)
    assert not set(found) & set(dropped)
    own = {name for name in found if "STEPFLOW" in name}
    assert own == {"STEPFLOW_EXECUTION_ID", "STEPFLOW_SUMMARY"}
    assert found["KEPT"] == "yes"
    assert "the-servers-own-key" not in "".join(found.values())


def test_a_script_of_the_same_user_cannot_read_the_servers_environment(tmp_path: Path) -> None:
    served = ServerProcess(tmp_path / "served", STEPFLOW_API_KEY="the-servers-own-key")
    if os.getuid() == 0:  # root reads everything by its capabilities
        served.through = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    with served:
        assert served.process is not None
        execution_id = served.create(f"cat /proc/{served.process.pid}/environ /proc/self/environ")
        served.ended(execution_id)
        text = served.text(execution_id)
    assert b"Permission denied" in text
    assert b"STEPFLOW_EXECUTION_ID" in text
    assert b"the-servers-own-key" not in text
