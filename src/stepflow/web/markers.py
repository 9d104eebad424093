"""What markers said beside steps: annotations, tests, metrics, outputs, summaries, diagnostics."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta
from starlette.responses import Response

from stepflow.errors import InvalidRequest
from stepflow.model import TestCounts
from stepflow.store import Sample, SummaryRow
from stepflow.web.call import Call, NoQuery
from stepflow.web.json import Answer
from stepflow.web.shapes import (
    AnnotationShape,
    DiagnosticShape,
    OutputShape,
    PointShape,
    SummaryShape,
    TestShape,
    annotation_shape,
    diagnostic_shape,
    output_shape,
    summary_shape,
    test_shape,
)

Point = TypeVar("Point")

_USAGE = "process."


class AnnotationsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`cursor` is `next` of the page before; `step` is an index."""

    level: Literal["error", "warning", "notice"] | None = None
    step: Annotated[int, Meta(ge=0, le=1 << 62)] | None = None
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class Annotations(msgspec.Struct, frozen=True):
    """A page, in the order of the log. `total_count` is of the level, or of all; null of a step."""

    annotations: list[AnnotationShape]
    next: str | None
    total_count: int | None


class TestsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`cursor` is `next` of the page before."""

    __test__ = False  # pytest takes classes of this name for its own

    status: Literal["passed", "failed", "skipped", "todo"] | None = None
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class Tests(msgspec.Struct, frozen=True):
    """A page, in the order in which they ended. `counts` are of all of them."""

    __test__ = False

    tests: list[TestShape]
    counts: TestCounts
    next: str | None


class MetricsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`points`: of a longer series every n-th point is given, with the first and the last one."""

    name: str | None = None
    points: Annotated[int, Meta(ge=2, le=100_000)] = 2000


class Series(msgspec.Struct, frozen=True):
    """The values of one metric in one step; `count` is how many there are."""

    name: str
    unit: str | None
    step_index: int | None
    count: int
    points: list[PointShape]


class Metrics(msgspec.Struct, frozen=True):
    metrics: list[Series]


class VariableShape(msgspec.Struct, frozen=True):
    """What the script wanted a variable to be for what comes after it; nothing was changed."""

    name: str
    value: str
    is_prepended: bool


class Outputs(msgspec.Struct, frozen=True):
    outputs: list[OutputShape]
    environment: list[VariableShape]


class Summaries(msgspec.Struct, frozen=True):
    """In the order of the log. Printed lines of one step are one summary."""

    summaries: list[SummaryShape]


class Diagnostics(msgspec.Struct, frozen=True):
    """In the order of the log; the first 1,000."""

    diagnostics: list[DiagnosticShape]


async def annotations(call: Call[AnnotationsQuery, None]) -> Response:
    """What the script remarked, with its place in a file and in the log"""
    asked = call.query
    execution = await call.site.store.execution(call.id)
    page = await call.site.store.annotations(
        call.id, limit=asked.limit, after=_after(asked.cursor), level=asked.level, step=asked.step
    )
    counts = execution.annotation_counts
    total = counts.get(asked.level, 0) if asked.level else sum(counts.values())
    return Answer(
        Annotations(
            [annotation_shape(one) for one in page.annotations],
            None if page.next is None else str(page.next),
            total if asked.step is None else None,
        )
    )


async def tests(call: Call[TestsQuery, None]) -> Response:
    """The tests that the script ran"""
    asked = call.query
    execution = await call.site.store.execution(call.id)
    page = await call.site.store.tests(
        call.id, limit=asked.limit, after=_after(asked.cursor), status=asked.status
    )
    return Answer(
        Tests(
            [test_shape(test) for test in page.tests],
            execution.test_counts or TestCounts(),
            None if page.next is None else str(page.next),
        )
    )


async def metrics(call: Call[MetricsQuery, None]) -> Response:
    """The figures that the script told, as series"""
    await call.site.store.execution(call.id)
    samples = await call.site.store.metrics(call.id, call.query.name)
    own = [sample for sample in samples if not sample.name.startswith(_USAGE)]
    return Answer(Metrics(_series(own, call.query.points)))


async def outputs(call: Call[NoQuery, None]) -> Response:
    """The values that the script gives to whoever ran it"""
    await call.site.store.execution(call.id)
    found = await call.site.store.outputs(call.id)
    variables = await call.site.store.variables(call.id)
    return Answer(
        Outputs(
            [output_shape(output) for output in found],
            [VariableShape(one.name, one.value, one.is_prepended) for one in variables],
        )
    )


async def summary(call: Call[NoQuery, None]) -> Response:
    """What the script says of itself, as Markdown"""
    await call.site.store.execution(call.id)
    rows = await call.site.store.summaries(call.id)
    return Answer(Summaries([summary_shape(row) for row in _joined(rows)]))


async def diagnostics(call: Call[NoQuery, None]) -> Response:
    """What is wrong with the script's markers"""
    await call.site.store.execution(call.id)
    rows = await call.site.store.diagnostics(call.id)
    return Answer(Diagnostics([diagnostic_shape(row) for row in rows]))


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidRequest("this cursor is not one of ours", field="cursor")
    return int(cursor)


def _series(samples: Sequence[Sample], most_points: int) -> list[Series]:
    found: dict[tuple[str, int | None], list[Sample]] = {}
    for sample in samples:
        found.setdefault((sample.name, sample.step_index), []).append(sample)
    return [
        Series(
            name,
            next((one.unit for one in reversed(values) if one.unit), None),
            step_index,
            len(values),
            [
                PointShape(at=one.at, value=one.value, step=one.step)
                for one in _thinned(values, most_points)
            ],
        )
        for (name, step_index), values in found.items()
    ]


def _thinned(values: Sequence[Point], most: int) -> Sequence[Point]:
    """At most so many of them, evenly, with the first and the last."""
    last = len(values) - 1
    return values if last < most else [values[n * last // (most - 1)] for n in range(most)]


def _joined(rows: Iterable[SummaryRow]) -> list[SummaryRow]:
    """Lines that were printed one after the other in one step belong together."""
    joined = []
    for (_, path), group in groupby(rows, lambda row: (row.step_index, row.path)):
        several = list(group)
        if path is None:
            markdown = "\n".join(row.markdown or "" for row in several)
            several = [msgspec.structs.replace(several[0], markdown=markdown)]
        joined += several
    return joined
