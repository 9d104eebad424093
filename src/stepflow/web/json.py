"""JSON on the wire: one encoder, and the response that carries it."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(value: Any) -> bytes:
    return _encoder.encode(value)


class Answer(Response):
    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(encode(content), status_code, headers)


def rounded(number: float | None, digits: int = 3) -> float | None:
    if number is None or not math.isfinite(number):
        return None
    return round(number, digits)
