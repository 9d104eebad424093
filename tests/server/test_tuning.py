import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from server_process import ServerProcess
from stepflow.errors import InvalidSetting
from stepflow.store import SqliteTuning

ROOT = Path(__file__).parents[2]


def test_pragmas_become_a_tuning() -> None:
    tuning = SqliteTuning.of_pragmas({"cache_size": "5000", "busy_timeout": "1500"})
    assert (tuning.cache_kib, tuning.busy_timeout) == (5000, timedelta(seconds=1.5))
    assert tuning.journal_mode == "WAL"


@pytest.mark.parametrize(("name", "text"), [("cache_size", "much"), ("page_size", "4096")])
def test_a_pragma_that_makes_no_sense_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match=name):
        SqliteTuning.of_pragmas({name: text})


def test_the_installations_own_config_tunes_the_server_that_app_main_starts(
    tmp_path: Path,
) -> None:
    app = tmp_path / "app"
    (app / "core").mkdir(parents=True)
    for name in ("__init__.py", "main.py", "core/__init__.py"):
        (app / name).write_text((ROOT / "app" / name).read_text())
    config = (ROOT / "app/core/persistence.py").read_text()
    (app / "core/persistence.py").write_text(
        config.replace('"cache_size": "20000"', '"cache_size": "7000"')
    )
    with ServerProcess(tmp_path / "run", command=[sys.executable, str(app / "main.py")]) as served:
        shown = json.dumps(served.client.get("/api/health/database").json())
    assert "-7000" in shown, shown
