"""What tools look for to know in which CI they run, for scripts that are to believe in one.

Only what says that there is such a CI and where its folders are: no repository, commit, token or
address, since a tool that believes in those would report to somebody.
"""

import platform
import tempfile
from collections.abc import Callable, Iterable

from stepflow.model import Emulated, Execution

Variables = dict[str, str]

_ARCHITECTURES = {"x86_64": "X64", "aarch64": "ARM64", "armv7l": "ARM"}


def emulated(names: Iterable[Emulated], execution: Execution) -> Variables:
    """The variables of these CIs; `CI=true` is of them all."""
    variables: Variables = {}
    for name in names:
        variables |= {"CI": "true"} | _VARIABLES[name](execution)
    return variables


def _github(execution: Execution) -> Variables:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": execution.working_directory or "",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_RUN_NUMBER": "1",
        "RUNNER_OS": "Linux",
        "RUNNER_ARCH": _ARCHITECTURES.get(platform.machine(), platform.machine().upper()),
        "RUNNER_TEMP": tempfile.gettempdir(),
    }


def _azure(execution: Execution) -> Variables:
    folder = execution.working_directory or ""
    return {
        "TF_BUILD": "True",
        "AGENT_OS": "Linux",
        "AGENT_TEMPDIRECTORY": tempfile.gettempdir(),
        "BUILD_SOURCESDIRECTORY": folder,
        "SYSTEM_DEFAULTWORKINGDIRECTORY": folder,
    }


def _gitlab(execution: Execution) -> Variables:
    return {
        "GITLAB_CI": "true",
        "CI_SERVER": "yes",
        "CI_JOB_NAME": execution.name,
        "CI_PROJECT_DIR": execution.working_directory or "",
    }


def _teamcity(execution: Execution) -> Variables:
    return {
        # Tools compare it with the version that introduced what they print.
        "TEAMCITY_VERSION": "2025.11",
        "TEAMCITY_BUILDCONF_NAME": execution.name,
        "BUILD_NUMBER": "1",
    }


def _buildkite(execution: Execution) -> Variables:
    return {
        "BUILDKITE": "true",
        "BUILDKITE_LABEL": execution.name,
        "BUILDKITE_BUILD_CHECKOUT_PATH": execution.working_directory or "",
    }


_VARIABLES: dict[Emulated, Callable[[Execution], Variables]] = {
    "github": _github,
    "azure": _azure,
    "gitlab": _gitlab,
    "teamcity": _teamcity,
    "buildkite": _buildkite,
}
