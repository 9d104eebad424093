import re
from pathlib import Path

import msgspec
import pytest

from stepflow.config import (
    OLD_SPELLINGS,
    Configuration,
    Settings,
    configuration,
    require_safe,
    variable,
)
from stepflow.errors import InvalidSetting


def read(
    directory: Path,
    flags: dict[str, str] | None = None,
    environment: dict[str, str] | None = None,
    dotenv: str | None = None,
) -> Configuration:
    if dotenv is not None:
        (directory / ".env").write_text(dotenv)
    return configuration(flags or {}, {"HOME": "/home/somebody"} | (environment or {}), directory)


def test_a_flag_wins_over_the_environment_which_wins_over_env_file(tmp_path: Path) -> None:
    configured = read(
        tmp_path,
        flags={"port": "1"},
        environment={"STEPFLOW_PORT": "3", "STEPFLOW_CACHE_SIZE": "300"},
        dotenv="STEPFLOW_PORT=2\nSTEPFLOW_CACHE_SIZE=200\nSTEPFLOW_BUFFER_SIZE=50\n",
    )
    assert configured.settings.port == 1
    assert configured.sources["port"] == "--port"
    assert configured.settings.cache_size == 300
    assert configured.sources["cache_size"] == "STEPFLOW_CACHE_SIZE in the environment"
    assert configured.sources["buffer_size"] == "STEPFLOW_BUFFER_SIZE in .env"
    assert configured.sources["host"] == "default"


def test_the_guides_env_file_is_understood(tmp_path: Path) -> None:
    configured = read(
        tmp_path,
        dotenv="""
# production
STEPFLOW_LOG_LEVEL=INFO
export STEPFLOW_STORAGE_PATH=/app/storage
STEPFLOW_WEBSOCKET_HOST=0.0.0.0
STEPFLOW_WEBSOCKET_PORT=8765  # the old one
STEPFLOW_AUTH_ENABLED=true
STEPFLOW_API_KEY='your-secure # api-key'
OTHER=1
""",
    )
    assert configured.storage == Path("/app/storage")
    assert configured.settings.websocket_host == "0.0.0.0"
    assert configured.settings.websocket_port == 8765
    assert configured.settings.api_key == "your-secure # api-key"
    require_safe(configured)


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("port", "http", "whole number from 0 to 65535"),
        ("port", "65536", "whole number from 0 to 65535"),
        ("log_level", "loud", "one of CRITICAL, DEBUG, ERROR, INFO, WARNING"),
        ("max_running", "0", "whole number from 1"),
        ("auth_enabled", "maybe", "true or false"),
        ("legacy_timezone", "Middle/Earth", "time zone"),
        ("url", "ftp://x", "http://"),
    ],
)
def test_a_wrong_value_names_setting_value_source_and_what_is_allowed(
    tmp_path: Path, name: str, value: str, part: str
) -> None:
    variable = f"STEPFLOW_{name.upper()}"
    with pytest.raises(InvalidSetting) as caught:
        read(tmp_path, environment={variable: value})
    for expected in (f"{variable} in the environment", repr(value), part):
        assert expected in caught.value.detail


@pytest.mark.parametrize("text", ["true", "YES", "on", "1"])
def test_the_usual_words_for_true_are_understood(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, environment={"STEPFLOW_AUTH_ENABLED": text}).settings.auth_enabled


def test_an_unknown_name_in_env_file_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="did you mean STEPFLOW_STORAGE_PATH"):
        read(tmp_path, dotenv="STEPFLOW_STORAGE_PAHT=/x")


def test_an_unknown_flag_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"--storage-paht.*did you mean STEPFLOW_STORAGE_PATH"):
        read(tmp_path, flags={"storage_paht": "/x"})


@pytest.mark.parametrize("name", ["STEPFLOW_DATABASE_URL", "STEPFLOW_OBJECT_STORE"])
def test_a_store_that_servers_share_is_refused_and_not_overlooked(
    tmp_path: Path, name: str
) -> None:
    read(tmp_path, environment={name: ""})
    with pytest.raises(InvalidSetting, match=f"{name} in the environment: .* own folder"):
        read(tmp_path, environment={name: "postgresql://db/stepflow"})
    with pytest.raises(InvalidSetting, match=f"{name} in .env: .* own folder"):
        read(tmp_path, dotenv=f"{name}=s3://bucket")


def test_unknown_names_in_the_environment_are_one_warning(tmp_path: Path) -> None:
    configured = read(
        tmp_path,
        environment={
            "STEPFLOW_PORT": "tcp://10.0.0.7:8080",
            "STEPFLOW_LOGLEVEL": "INFO",
            "STEPFLOW_ENV": "production",
            "STEPFLOW_EXECUTION_ID": "x",
        },
    )
    assert configured.settings.port == 8080
    [warning] = configured.warnings
    assert "STEPFLOW_LOGLEVEL (did you mean STEPFLOW_LOG_LEVEL?)" in warning
    assert "STEPFLOW_PORT" in warning
    assert "STEPFLOW_ENV" not in warning


def test_an_old_spelling_counts_but_yields_to_todays(tmp_path: Path) -> None:
    old = {"STEPFLOW_WS_PORT": "1000"}
    assert read(tmp_path, environment=old).settings.websocket_port == 1000
    for both in (
        {"STEPFLOW_WEBSOCKET_PORT": "2000"} | old,
        old | {"STEPFLOW_WEBSOCKET_PORT": "2000"},
    ):
        assert read(tmp_path, environment=both).settings.websocket_port == 2000


def test_an_empty_value_counts_as_not_said(tmp_path: Path) -> None:
    configured = read(tmp_path, environment={"STEPFLOW_API_KEY": "", "STEPFLOW_PORT": " "})
    assert configured.settings.api_key is None
    assert configured.sources["port"] == "default"


def test_beyond_loopback_a_key_or_the_operators_word_is_needed(tmp_path: Path) -> None:
    for host in ("STEPFLOW_HOST", "STEPFLOW_WEBSOCKET_HOST"):
        with pytest.raises(InvalidSetting, match=f"{host}=0.0.0.0"):
            require_safe(read(tmp_path, environment={host: "0.0.0.0"}))
    by_word = {"STEPFLOW_HOST": "0.0.0.0", "STEPFLOW_AUTH_ENABLED": "false"}
    configured = read(tmp_path, environment=by_word)
    require_safe(configured)
    assert configured.settings.is_open_to_all
    with_key = read(tmp_path, environment={"STEPFLOW_HOST": "0.0.0.0", "STEPFLOW_API_KEY": "k"})
    require_safe(with_key)
    assert not with_key.settings.is_open_to_all


def test_authentication_without_a_key_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="STEPFLOW_API_KEY is empty"):
        require_safe(read(tmp_path, environment={"STEPFLOW_AUTH_ENABLED": "true"}))


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    configured = read(tmp_path, environment={"STEPFLOW_API_KEY": "hunter2"})
    assert "hunter2" not in str(configured.shown())


def test_storage_is_here_if_it_is_there_or_in_a_clone_else_the_users(tmp_path: Path) -> None:
    user_data = read(tmp_path, environment={"XDG_DATA_HOME": str(tmp_path / "data")})
    assert user_data.storage == tmp_path / "data/stepflow/storage"
    assert read(tmp_path).storage == Path("/home/somebody/.local/share/stepflow/storage")

    (tmp_path / "app/core").mkdir(parents=True)
    (tmp_path / "app/core/persistence.py").touch()
    assert read(tmp_path).storage == tmp_path / "storage"


def test_an_existing_storage_folder_here_is_the_one(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    assert read(tmp_path).storage == tmp_path / "storage"
    assert read(tmp_path, flags={"storage_path": "other"}).storage == tmp_path / "other"


def test_every_setting_is_documented_with_its_default_and_nothing_else_is() -> None:
    page = (Path(__file__).parents[2] / "docs/settings.md").read_text()
    rows = re.findall(r"^\| `(STEPFLOW_\w+)` \| ([^|]*) \|", page, re.MULTILINE)
    defaults = {
        variable(field.name): field.default
        for field in msgspec.structs.fields(Settings)
        if field.default is not msgspec.NODEFAULT
    }
    assert [name for name, _ in rows] == [variable(name) for name in Settings.__struct_fields__]
    for name, shown in rows:
        if defaults.get(name) not in (None, []):
            assert f"`{defaults[name]}`" in shown


def test_the_documentation_names_every_old_spelling() -> None:
    page = (Path(__file__).parents[2] / "docs/settings.md").read_text()
    for old in OLD_SPELLINGS:
        assert f"`STEPFLOW_{old}`" in page


def test_sections_are_a_list_as_json(tmp_path: Path) -> None:
    said = '[{"start": "^== (.*)", "end": "^==$"}]'
    configured = read(tmp_path, environment={"STEPFLOW_SECTIONS": said})
    assert configured.settings.sections == [{"start": "^== (.*)", "end": "^==$"}]
    for wrong in ("nope", '{"start": "a"}'):
        with pytest.raises(InvalidSetting) as refused:
            read(tmp_path, environment={"STEPFLOW_SECTIONS": wrong})
        assert "it must be a list such as" in refused.value.detail


def test_dialects_are_names_with_commas(tmp_path: Path) -> None:
    assert read(tmp_path).settings.dialects == ["auto"]
    configured = read(tmp_path, flags={"dialects": "auto, tap"})
    assert configured.settings.dialects == ["auto", "tap"]
