import pytest

from stepflow.errors import InvalidRequest
from stepflow.process import script_environment

ID = "0191b1c0-0000-7000-8000-000000000001"
SERVER = {
    "PATH": "/usr/bin",
    "HOME": "/root",
    "EDITOR": "vi",
    "LC_ALL": "C.UTF-8",
    "AWS_SECRET_ACCESS_KEY": "theirs",
    "STEPFLOW_API_KEY": "secret",
    "NOTIFY_SOCKET": "/run/systemd/notify",
    "LISTEN_FDS": "1",
    "LISTEN_PID": "1",
    "INVOCATION_ID": "x",
    "JOURNAL_STREAM": "8:1",
    "WATCHDOG_USEC": "1",
}


def test_the_server_keeps_its_own_variables_to_itself() -> None:
    environment = script_environment(SERVER, {}, ID)
    assert set(environment) == {
        *("PATH", "HOME", "EDITOR", "LC_ALL", "AWS_SECRET_ACCESS_KEY"),
        *("STEPFLOW_EXECUTION_ID", "PYTHONUNBUFFERED", "GIT_TERMINAL_PROMPT", "DEBIAN_FRONTEND"),
    }
    assert environment["STEPFLOW_EXECUTION_ID"] == ID


def test_credentials_of_ours_are_dropped_by_name() -> None:
    environment = script_environment(SERVER, {}, ID, also_drop=["AWS_SECRET_ACCESS_KEY"])
    assert "AWS_SECRET_ACCESS_KEY" not in environment


def test_a_minimal_environment_holds_what_programs_need_to_run() -> None:
    environment = script_environment(SERVER, {"TOKEN": "t"}, ID, mode="minimal")
    assert environment == {
        "PATH": "/usr/bin",
        "HOME": "/root",
        "TOKEN": "t",
        "PYTHONUNBUFFERED": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "DEBIAN_FRONTEND": "noninteractive",
        "STEPFLOW_EXECUTION_ID": ID,
    }


def test_what_was_asked_for_wins_over_defaults_and_inheritance() -> None:
    delta = {"PYTHONUNBUFFERED": "", "EDITOR": "ed", "STEPFLOW_URL": "http://elsewhere"}
    environment = script_environment(SERVER, delta, ID)
    assert {name: environment[name] for name in delta} == delta


def test_an_execution_can_not_pose_as_another() -> None:
    environment = script_environment({}, {"STEPFLOW_EXECUTION_ID": "other"}, ID)
    assert environment["STEPFLOW_EXECUTION_ID"] == ID


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("A=B", "x"), ("A", "\0"), ("A\0", "x")])
def test_a_variable_that_can_not_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest):
        script_environment({}, {name: value}, ID)


def test_neither_mapping_is_changed() -> None:
    base, delta = {"A": "1"}, {"B": "2"}
    script_environment(base, delta, ID)
    assert (base, delta) == ({"A": "1"}, {"B": "2"})
