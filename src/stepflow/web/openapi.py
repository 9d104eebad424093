"""The OpenAPI 3.1 document: from the route table, its structs, and nothing else."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from stepflow.errors import (
    Forbidden,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    RangeNotSatisfiable,
    StepflowError,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from stepflow.web.routes import JSON, Endpoint

_TEMPLATE = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)\}")

Json = dict[str, Any]


class Problem(msgspec.Struct, frozen=True):
    """An error (RFC 9457). `detail` is for people; `field` is what is wrong in the request."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    field: str = ""
    nearest: str = ""


def document(endpoints: Sequence[Endpoint], version: str) -> Json:
    types = _types(endpoints)
    schemas, components = msgspec.json.schema_components(types, ref_template=_TEMPLATE)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(
            endpoint, schema_of
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "StepFlow Monitor",
            "version": version,
            "description": "Times are UTC, sizes bytes, durations seconds.",
        },
        "servers": [{"url": "../", "description": "this server"}],
        "security": [{}, {"bearer": []}, {"header": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": dict(components),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "session": {"type": "apiKey", "in": "cookie", "name": "stepflow_session"},
            },
        },
    }


def _types(endpoints: Sequence[Endpoint]) -> list[Any]:
    found: dict[Any, None] = {Problem: None}
    for endpoint in endpoints:
        for kind in (endpoint.answer, endpoint.body):
            if kind is not None:
                found[kind] = None
    return list(found)


def _operation(endpoint: Endpoint, schema_of: dict[Any, Json]) -> Json:
    media_type = JSON if endpoint.answer is not None else endpoint.media_type
    answered = _plain(media_type) if endpoint.answer is None else schema_of[endpoint.answer]
    problem = {"application/problem+json": {"schema": schema_of[Problem]}}
    operation: Json = {
        "operationId": f"{endpoint.group}.{endpoint.call.__name__}",
        "summary": endpoint.summary,
        "tags": [endpoint.group],
        "responses": {
            str(endpoint.status): {
                "description": "Done",
                "content": {media_type: {"schema": answered}},
            },
            **{
                str(status): {"description": " ".join(titles), "content": problem}
                for status, titles in _refusals(endpoint).items()
            },
        },
    }
    if endpoint.path in ("/api/health", "/api/health/status"):
        operation["responses"]["503"] = {
            "description": "Unhealthy",
            "content": {media_type: {"schema": answered}},
        }
    if endpoint.path == "/api/health":
        operation["security"] = []
    if RangeNotSatisfiable in endpoint.refusals:
        operation["responses"]["206"] = {
            "description": "The part that Range asked for",
            "content": {media_type: {"schema": answered}},
        }
    parameters = [*_path_parameters(endpoint.path), *_query_parameters(endpoint.query)]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = _request_body(endpoint, schema_of[endpoint.body])
    return operation


def _plain(media_type: str) -> Json:
    """What is not JSON is text or bytes; of an event stream the schema is that of an event."""
    if media_type != "text/event-stream":
        return {"type": "string"}
    fields = ("event", "id", "data")
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in fields},
        "required": ["event", "data"],
    }


def _refusals(endpoint: Endpoint) -> dict[int, list[str]]:
    """The titles of all errors that this endpoint may answer with, by their status."""
    kinds: list[type[StepflowError]] = [
        InvalidRequest,
        NotAuthenticated,
        Forbidden,
        StepflowError,
        Unavailable,
        *endpoint.refusals,
    ]
    if "{id}" in endpoint.path:
        kinds.append(NotFound)
    if endpoint.body is not None:
        kinds += [TooLarge, UnsupportedMediaType]
    found: dict[int, list[str]] = {}
    for kind in sorted(kinds, key=lambda kind: kind.status):
        found.setdefault(kind.status, []).append((kind.__doc__ or "").splitlines()[0])
    return found


def _path_parameters(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(path)
    ]


def _query_parameters(query: type) -> list[Json]:
    [schema], components = msgspec.json.schema_components([query], ref_template="{name}")
    described = components[schema["$ref"]]
    required = described.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _query_schema(value)}
        for name, value in described.get("properties", {}).items()
    ]


def _query_schema(schema: Json) -> Json:
    """A query has no null: a parameter is there or it is not."""
    kinds = schema.get("anyOf")
    if kinds is None:
        return schema
    [kind] = [kind for kind in kinds if kind.get("type") != "null"]
    return dict(kind)


def _request_body(endpoint: Endpoint, schema: Json) -> Json:
    if endpoint.body is bytes:
        schema = {"type": "string", "format": "binary"}
    is_needed = endpoint.body is not bytes and _has_required(endpoint.body)
    return {"required": is_needed, "content": {endpoint.body_type: {"schema": schema}}}


def _has_required(kind: Any) -> bool:
    if not hasattr(kind, "__struct_fields__"):
        return False
    return any(field.required for field in msgspec.structs.fields(kind))
