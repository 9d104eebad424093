"""Schemathesis against the served OpenAPI document: what it says is true of every answer.

Commands are replaced by `true`: nothing that it invents is ever run.
"""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from served import Served
from stepflow.web.routes import ENDPOINTS, Endpoint

EXAMPLES = 15
FEW_EXAMPLES = 4  # each may make a backup
# A schema can't say that a cursor is one of ours, or that a command can't hold a NUL.
_NOT_CHECKED = ["positive_data_acceptance"]
_ENDLESS = "/api/executions/{id}/events"

load_all_checks()


@pytest.fixture(scope="module")
def api(served: Served) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{served.url}/api/openapi.json")


@pytest.fixture(scope="module")
def known(served: Served) -> dict[str, str]:
    """An id that exists, by the first words of the paths that it stands in."""
    execution = served.run("echo one; echo STEP_START:two; printf 'three'")
    artifact = served.client.post(
        "/api/artifacts", files={"file": ("a", b"content")}, data={"execution_id": execution["id"]}
    )
    backup = served.client.post("/api/backups", params={"wait": "60s"})
    return {
        "executions": execution["id"],
        "artifacts": artifact.json()["id"],
        "backups": backup.json()["id"],
    }


@pytest.mark.parametrize(
    "endpoint",
    [one for one in ENDPOINTS if one.path != _ENDLESS],
    ids=lambda one: f"{one.method} {one.path}",
)
def test_every_answer_is_as_documented(
    served: Served, api: schemathesis.BaseSchema, known: dict[str, str], endpoint: Endpoint
) -> None:
    operation = api[endpoint.path][endpoint.method]
    cases = {mode: operation.as_strategy(generation_mode=mode) for mode in GenerationMode}

    @settings(
        max_examples=FEW_EXAMPLES if endpoint.path.startswith("/api/backups") else EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def conforms(data: st.DataObject) -> None:
        case = data.draw(cases[data.draw(st.sampled_from(GenerationMode))])
        if isinstance(case.body, dict) and "command" in case.body:
            case.body["command"] = "true"
        if (
            "id" in case.path_parameters
            and endpoint.method != "DELETE"
            and data.draw(st.booleans())
        ):
            case.path_parameters["id"] = known[endpoint.path.split("/")[2]]
        case.call_and_validate(
            base_url=served.url, excluded_checks=CHECKS.get_by_names(_NOT_CHECKED)
        )

    conforms()


def test_an_event_stream_is_as_documented(
    served: Served, api: schemathesis.BaseSchema, known: dict[str, str]
) -> None:
    case = api[_ENDLESS]["GET"].Case(path_parameters={"id": known["executions"]})
    answer = case.call_and_validate(base_url=served.url)
    assert answer.headers["content-type"] == ["text/event-stream; charset=utf-8"]
