"""Everything about one execution at once, as its page shows it."""

import msgspec

from stepflow.web.clock import now
from stepflow.web.shapes import (
    AnnotationShape,
    ArtifactShape,
    DiagnosticShape,
    ExecutionShape,
    StepShape,
    annotation_shape,
    artifact_shape,
    diagnostic_shape,
    execution_shape,
    step_shape,
)
from stepflow.web.site import Site

MOST_ANNOTATIONS = 1_000


class Detail(msgspec.Struct, frozen=True):
    """An execution with its steps, its artifacts, its first 1,000 annotations, its outputs by name
    and what the parser had to say of its markers."""

    execution: ExecutionShape
    steps: list[StepShape]
    artifacts: list[ArtifactShape]
    annotations: list[AnnotationShape]
    outputs: dict[str, str]
    diagnostics: list[DiagnosticShape]


async def detail_of(site: Site, execution_id: str) -> Detail:
    """NotFound."""
    store = site.store
    execution = await store.execution(execution_id)
    steps = await store.steps(execution_id)
    artifacts = await store.artifacts(execution_id)
    annotations = await store.annotations(execution_id, limit=MOST_ANNOTATIONS)
    outputs = await store.outputs(execution_id)
    diagnostics = await store.diagnostics(execution_id)
    at = now()
    return Detail(
        execution_shape(execution, at, site.supervisor.waiting(execution_id)),
        [step_shape(step, at) for step in steps],
        [artifact_shape(artifact) for artifact in artifacts],
        [annotation_shape(annotation) for annotation in annotations.annotations],
        {output.name: output.value for output in outputs},
        [diagnostic_shape(diagnostic) for diagnostic in diagnostics],
    )
