"""The dialects in the order in which they are asked. To add one: its file here, its line below."""

from collections.abc import Collection, Sequence

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
from stepflow.markers.dialects.sections import SectionsDialect
from stepflow.markers.dialects.stepflow import StepflowDialect
from stepflow.markers.dialects.systemd import SystemdDialect
from stepflow.markers.dialects.tap import TapDialect
from stepflow.markers.dialects.teamcity import TeamcityDialect
from stepflow.markers.dialects.travis import TravisDialect
from stepflow.model import Section

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
    SectionsDialect,
    GitlabDialect,
    TravisDialect,
    OscDialect,
    ProgressDialect,
)


NAMES = tuple(kind.name for kind in DIALECTS)
AUTO = "auto"


def chosen(
    names: Collection[str], switched_on: Collection[str] = (), sections: Sequence[Section] = ()
) -> list[Dialect]:
    """Fresh instances of the named dialects; `auto` stands for those that are on by default. Those
    that are switched on come in any case."""
    dialects: list[Dialect] = []
    for kind in DIALECTS:
        is_named = kind.name in names or (kind.is_default and AUTO in names)
        if is_named or kind.name in switched_on:
            dialect = SectionsDialect(sections) if kind is SectionsDialect else kind()
            if kind.name in switched_on:
                dialect.switch_on()
            dialects.append(dialect)
    return dialects
