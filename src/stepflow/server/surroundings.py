"""Where this server runs: in a container, whose end is the scripts' end, or on a machine."""

from pathlib import Path

_FIRST_PID_NAMESPACE = 0xEFFFFFFC
_INITS_OF_MACHINES = ("systemd", "openrc-init", "runit")


def is_container() -> bool:
    """Not the first PID namespace, and process 1 only passes signals on (no service manager)."""
    if Path("/proc/self/ns/pid").stat().st_ino == _FIRST_PID_NAMESPACE:
        return False
    return Path("/proc/1/comm").read_text().strip() not in _INITS_OF_MACHINES
