"""The guide's monitoring, and what it greps out of the log."""

import json
import re

from installation import Installation

from guide_blocks import Block, types


@types("Health Check Endpoints")
def test_all_health_endpoints_answer(running: Installation, block: Block) -> None:
    said = running.type(block.text).out
    answers = []
    while said.strip():
        answer, end = json.JSONDecoder().raw_decode(said.lstrip())
        answers.append(answer)
        said = said.lstrip()[end:]
    health, metrics, database = answers
    assert health["status"] == "healthy"
    assert metrics["database"]["table_counts"]["executions"] >= 1
    assert database["database"]["journal_mode"] == "wal"


@types("Performance Monitoring Script")
def test_the_monitoring_script_prints_real_values(running: Installation, block: Block) -> None:
    assert running.type(block.text).err == ""
    said = running.type_until("./monitor.sh", "---")
    assert said.startswith("=== Fri Jan  2")
    assert re.search(r"^API Response: 0\.\d+s$", said, re.MULTILINE)
    assert re.search(r"^DB Size: \d+\.\d+MB$", said, re.MULTILINE)
    assert re.search(r"^WAL Mode: True$", said, re.MULTILINE)
    assert re.search(r"^Executions: [1-9]\d*$", said, re.MULTILINE)


@types("Centralized Logging")
def test_the_log_can_be_sent_and_filtered(fresh: Installation, block: Block) -> None:
    said = fresh.type_until(block.text, "performance")
    assert (fresh.folder / "etc/rsyslog.conf").read_text() == "*.* @@log-server:514\n"
    assert "ERROR" not in said


@types("Log Analysis")
def test_errors_figures_and_wal_are_found_in_the_log(fresh: Installation, block: Block) -> None:
    fresh.type("chmod 000 storage/server.lock; rm -rf logs.old")
    errors, figures, wal = block.text.split("\n\n")
    fresh.stop()
    # A second server that may not start is an error in the log.
    fresh.type("STEPFLOW_STORAGE_PATH=storage/server.lock python3 app/main.py")
    numbers = [float(line) for line in fresh.type(figures).out.splitlines()]
    assert numbers
    assert numbers == sorted(numbers)
    assert "WAL" in fresh.type(wal).out
    assert fresh.type(errors).code == 0


@types("Debug Mode Activation")
def test_debug_lines_appear_after_either_way(fresh: Installation, block: Block) -> None:
    export, edit, watch = block.text.split("\n\n")
    assert " DEBUG " not in fresh.log()
    for change in (export, edit):
        fresh.stop()
        (fresh.clone / "logs/stepflow.log").unlink()
        if change is export:
            fresh.environment["STEPFLOW_LOG_LEVEL"] = "DEBUG"
        else:
            del fresh.environment["STEPFLOW_LOG_LEVEL"]
            fresh.type(edit)
        fresh.start()
        assert " DEBUG " in fresh.type_until(watch, " DEBUG ")
