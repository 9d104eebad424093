"""The page at `/api/docs`: the OpenAPI document for people, as plain HTML without a script."""

import base64
import hashlib
import json
from html import escape
from typing import Any

Json = dict[str, Any]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .92em; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0;
  padding: .4rem .7rem; }
summary { cursor: pointer; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left;
  vertical-align: top; }
pre { background: var(--soft); padding: .7rem; overflow: auto; border-radius: 6px; }
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def page(document: Json) -> str:
    """The whole page, complete in itself."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(path, method, operation))
    body = "".join(f"<h2>{escape(group)}</h2>{''.join(found)}" for group, found in groups.items())
    schemas = "".join(
        _schema(name, schema) for name, schema in document["components"]["schemas"].items()
    )
    info = document["info"]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style>"
        f"<h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>"
        f"<p>{escape(info['description'])} The same as a document: "
        f'<a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>'
        f"{body}<h2>Shapes</h2>{schemas}</html>"
    )


def _operation(path: str, method: str, operation: Json) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code><td>{escape(one['in'])}"
        f"<td><code>{_type(one['schema'])}</code><td>{'needed' if one['required'] else ''}</tr>"
        for one in operation.get("parameters", [])
    )
    parts = [f"<table><tr><th>parameter<th>in<th>type<th></tr>{rows}</table>" if rows else ""]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>body: <code>{escape(media_type)}</code> {_type(content['schema'])}</p>")
    for described, statuses in _by_content(operation).items():
        parts.append(f"<p>{', '.join(statuses)}: {described}</p>")
    return (
        f"<details><summary><span class=method>{method.upper()}</span> <code>{escape(path)}</code>"
        f" {escape(operation['summary'])}</summary>{''.join(parts)}</details>"
    )


def _by_content(operation: Json) -> dict[str, list[str]]:
    """The statuses of an operation by what comes with them: all refusals look alike."""
    found: dict[str, list[str]] = {}
    for status, answer in sorted(operation["responses"].items()):
        for media_type, content in answer["content"].items():
            described = f"<code>{escape(media_type)}</code> {_type(content['schema'])}"
            found.setdefault(described, []).append(
                f'<abbr title="{escape(answer["description"], quote=True)}">{status}</abbr>'
            )
    return found


def _schema(name: str, schema: Json) -> str:
    text = json.dumps({k: v for k, v in schema.items() if k != "description"}, indent=2)
    said = escape(schema.get("description", ""))
    return (
        f"<details id={escape(name, quote=True)}><summary><code>{escape(name)}</code></summary>"
        f"<p>{said}</p><pre>{escape(text)}</pre></details>"
    )


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2], quote=True)
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(kind) for kind in schema["anyOf"])
    return escape(str(schema.get("type", "anything")))
