"""The systemd unit: one that kills its whole control group takes the scripts along."""

import subprocess
from pathlib import Path

from stepflow.doctor.finding import Finding, ok, problem

_USUAL = "stepflow.service"


def unit(pid: int | None) -> Finding:
    """Of the server with this process id; without one, of the unit that is usually its own."""
    name = _USUAL if pid is None else unit_of(Path(f"/proc/{pid}/cgroup"))
    if name is None or not Path("/run/systemd/system").is_dir():
        return ok("service", "not a service of systemd")
    said = _shown(name)
    if said.get("LoadState") != "loaded":
        return ok("service", f"there is no {name}")
    return judged(name, said.get("KillMode", ""))


def judged(unit: str, kill_mode: str) -> Finding:
    if kill_mode == "process":
        return ok("service", f"{unit}: scripts outlive a restart (KillMode=process)")
    return problem(
        "service",
        f"{unit} has KillMode={kill_mode}: a stop or restart of the service kills all scripts",
        f"{drop_in(unit)}",
    )


def drop_in(unit: str) -> str:
    """The command that adds the missing line to a unit that stays as it is."""
    folder = f"/etc/systemd/system/{unit}.d"
    return (
        f"sudo mkdir -p {folder} && printf '[Service]\\nKillMode=process\\n' |"
        f" sudo tee {folder}/scripts.conf && sudo systemctl daemon-reload"
    )


def unit_of(cgroup: Path) -> str | None:
    """The service to whose control group a process belongs (`/proc/<pid>/cgroup`)."""
    try:
        text = cgroup.read_text()
    except OSError:
        return None
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" or controllers == "name=systemd":
            services = [part for part in path.split("/") if part.endswith(".service")]
            # The innermost is the unit itself: user services lie below user@1000.service.
            if services and not services[-1].startswith("user@"):
                return services[-1]
    return None


def _shown(unit: str) -> dict[str, str]:
    answer = subprocess.run(
        ["systemctl", "show", unit, "-p", "LoadState", "-p", "KillMode"],
        capture_output=True,
        text=True,
        timeout=5,
        check=False,
    )
    return dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)
