"""Redrawn lines: a CR inside a line means that what follows is drawn over it."""


def segments(line: str) -> list[str]:
    """The states of the line, first to last; one for a line without a redraw."""
    return line.split("\r")


def shown(states: list[str]) -> int:
    """Which state is the log line: the last one that is not blank, else the last."""
    for position in range(len(states) - 1, -1, -1):
        if states[position].strip():
            return position
    return len(states) - 1
