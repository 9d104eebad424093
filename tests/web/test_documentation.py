import re
from pathlib import Path
from typing import get_args

import msgspec

from served import Served
from stepflow.model import NewExecution
from stepflow.web.messages import KINDS, Incoming
from stepflow.web.routes import ENDPOINTS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_route_is_documented_with_its_query_and_no_other() -> None:
    rows = re.findall(
        r"^\| `([A-Z]+ /\S+)` \| (.*?) \|", (DOCS / "api.md").read_text(), re.MULTILINE
    )
    documented = {route: set(re.findall(r"`(\w+)`", query)) for route, query in rows}
    assert documented == {
        f"{one.method} {one.path}": {
            field.encode_name for field in msgspec.structs.fields(one.query)
        }
        for one in ENDPOINTS
    }


def test_every_field_of_a_new_execution_is_documented() -> None:
    page = (DOCS / "api.md").read_text()
    for name in NewExecution.__struct_fields__:
        assert f"`{name}`" in page, name


def test_every_message_is_documented_with_its_fields_and_no_other() -> None:
    page = (DOCS / "websocket.md").read_text()
    sent, _, said = page.partition("## From the client")
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| (.*?) \|$", sent, re.MULTILINE))
    assert set(rows) == set(KINDS)
    for name, kind in KINDS.items():
        if name != "execution_update":
            for field in kind.__struct_fields__:
                assert f"`{field}`" in rows[name], (name, field)
    commands = re.findall(r"^\| `(\w+)` \|", said, re.MULTILINE)
    assert set(commands) == {kind.__struct_config__.tag for kind in get_args(Incoming)}


def test_the_reference_is_complete_in_itself(served: Served) -> None:
    answer = served.client.get("/api/docs")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", answer.text)
    for one in ENDPOINTS:
        assert f"<code>{one.path}</code>" in answer.text


def test_the_openapi_document_has_every_route_and_names_no_other(served: Served) -> None:
    described = served.client.get("/api/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    found = {
        f"{method.upper()} {path}"
        for path, operations in described["paths"].items()
        for method in operations
    }
    assert found == {f"{one.method} {one.path}" for one in ENDPOINTS}
    names = [o["operationId"] for path in described["paths"].values() for o in path.values()]
    assert len(names) == len(set(names))


def test_every_endpoint_says_what_it_does() -> None:
    assert all(endpoint.summary for endpoint in ENDPOINTS)
