"""From recorded events to what is told of them live, beside the steps that they changed."""

from collections.abc import Iterator, Sequence

from stepflow.events import Annotation, AnyEvent, Metric, Output, Summary, TestEnd
from stepflow.feed import (
    AnnotationUpdate,
    Message,
    MetricUpdate,
    OutputUpdate,
    SummaryUpdate,
    TestUpdate,
)
from stepflow.model import Execution, TestCounts


def updates_of(events: Sequence[AnyEvent], execution: Execution) -> Iterator[Message]:
    """`execution` is as it is after them. Tests and metrics go together: there may be many."""
    for event in events:
        match event:
            case Annotation():
                yield AnnotationUpdate(execution.id, event)
            case Summary():
                yield SummaryUpdate(execution.id, event)
            case Output():
                yield OutputUpdate(execution.id, event)
            case _:
                pass
    if tests := tuple(event for event in events if isinstance(event, TestEnd)):
        yield TestUpdate(execution.id, tests, execution.test_counts or TestCounts())
    if metrics := tuple(event for event in events if isinstance(event, Metric)):
        yield MetricUpdate(execution.id, metrics)
