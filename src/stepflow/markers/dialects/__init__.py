"""The dialects in the order in which they are asked. To add one: its file here, its line below."""

from collections.abc import Collection

from stepflow.markers.dialect import Dialect
from stepflow.markers.dialects.azure import AzureDialect
from stepflow.markers.dialects.buildkit import BuildkitDialect
from stepflow.markers.dialects.buildkite import BuildkiteDialect
from stepflow.markers.dialects.github import GithubDialect
from stepflow.markers.dialects.gitlab import GitlabDialect
from stepflow.markers.dialects.json import JsonDialect
from stepflow.markers.dialects.osc import OscDialect
from stepflow.markers.dialects.progress import ProgressDialect
from stepflow.markers.dialects.sd_daemon import SdDaemonDialect
from stepflow.markers.dialects.stepflow import StepflowDialect
from stepflow.markers.dialects.systemd import SystemdDialect
from stepflow.markers.dialects.tap import TapDialect
from stepflow.markers.dialects.teamcity import TeamcityDialect
from stepflow.markers.dialects.travis import TravisDialect

DIALECTS: tuple[type[Dialect], ...] = (
    JsonDialect,
    TapDialect,
    BuildkitDialect,
    TeamcityDialect,
    AzureDialect,
    GithubDialect,
    StepflowDialect,
    BuildkiteDialect,
    SdDaemonDialect,
    SystemdDialect,
    GitlabDialect,
    TravisDialect,
    OscDialect,
    ProgressDialect,
)


def chosen(names: Collection[str] | None, switched_on: Collection[str] = ()) -> list[Dialect]:
    """Fresh instances of the named dialects; None means those that are on by default. Those that
    are switched on come in any case."""
    dialects = []
    for kind in DIALECTS:
        is_named = kind.is_default if names is None else kind.name in names
        if is_named or kind.name in switched_on:
            dialect = kind()
            if kind.name in switched_on:
                dialect.switch_on()
            dialects.append(dialect)
    return dialects
