import json
import re
import shutil
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from documents import ROOT
from eventually import eventually
from served import Served


def test_health_tells_what_was_checked(served: Served) -> None:
    body = served.client.get("/api/health").json()
    assert (body["status"], body["version"]) == ("healthy", "1.2.3")
    assert set(body["checks"]) == {"database", "storage"}
    assert body["uptime_seconds"] > 0
    status = served.client.get("/api/health/status").json()
    assert (status["status"], status["max_running"]) == ("healthy", 1000)


def test_the_guides_monitoring_script_finds_its_figures(served: Served) -> None:
    served.run("true")
    body = served.client.get("/api/health/metrics").json()
    database = body["database"]
    assert database["wal_mode"] is True
    assert database["database_size_mb"] > 0
    assert database["table_counts"]["executions"] > 0
    assert database["storage_path"] == str(served.storage)
    assert database["cache_size"] == 20_000
    assert body["system"]["process_memory_bytes"] > 1_000_000


def test_database_figures_are_measured_now(served: Served) -> None:
    before = served.client.get("/api/health/database").json()
    served.run("true")
    after = served.client.get("/api/health/database").json()
    assert after["commits"] > before["commits"]
    assert after["response_time_ms"] > 0


def test_optimize_needs_no_body(served: Served) -> None:
    answer = served.client.post("/api/health/optimize")
    assert answer.status_code == 200
    assert answer.json()["done"]


def test_prometheus_can_read_the_metrics(served: Served) -> None:
    execution_id = served.start("sleep 60")
    families = {
        family.name: family
        for family in text_string_to_metric_families(served.client.get("/metrics").text)
    }
    assert families["stepflow_executions_running"].samples[0].value >= 1
    assert families["stepflow_storage_usable"].samples[0].value == 1
    assert families["stepflow_database_commits"].type == "counter"
    served.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})


def metric_names(served: Served) -> set[str]:
    text = served.client.get("/metrics").text
    return {s.name for family in text_string_to_metric_families(text) for s in family.samples}


def test_the_dashboard_asks_for_metrics_that_are_there(served: Served) -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/stepflow.json").read_text())
    expressions = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    expressions += [one["expr"] for one in dashboard["annotations"]["list"]]
    asked = set(re.findall(r"\b(?:stepflow|process)_\w+", " ".join(expressions)))
    assert asked == metric_names(served)
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_every_metric_is_documented_and_no_other(served: Served) -> None:
    page = (ROOT / "docs/operations.md").read_text()
    assert set(re.findall(r"`((?:stepflow|process)_[a-z_]+)`", page)) == metric_names(served)


def test_a_storage_folder_that_is_gone_is_unhealthy_within_seconds(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        assert served.client.get("/api/health").status_code == 200
        shutil.move(served.storage, tmp_path / "elsewhere")
        eventually(lambda: served.client.get("/api/health").status_code == 503, within=5)
        body = served.client.get("/api/health").json()
        assert body["status"] == "unhealthy"
        assert str(served.storage) in body["checks"]["storage"]["problem"]
        refused = served.client.post("/api/executions", json={"command": "true"})
        assert refused.status_code == 503
        shutil.move(tmp_path / "elsewhere", served.storage)


def test_the_settings_in_effect_are_shown(served: Served) -> None:
    assert served.client.get("/api/config").json() == {"settings": []}


def test_the_history_of_health_begins_with_the_server(served: Served) -> None:
    def samples(**query: str) -> list[dict[str, Any]]:
        answer = served.client.get("/api/health/history", params=query)
        found: list[dict[str, Any]] = answer.json()["samples"]
        return found

    eventually(lambda: len(samples()) > 0)
    first = samples()[0]
    assert first["database_bytes"] > 0
    assert first["disk_free_bytes"] > 0
    assert first["memory_bytes"] > 1_000_000
    assert first not in samples(since=first["at"])
