"""Masks: what a script asks to hide, whole and line by line, since output comes in lines."""

from stepflow.markers.marker import Mask, Remark

SHORTEST_SECRET = 3


def mask_of(secret: str, command: str) -> Mask | Remark:
    """A mask, or a diagnostic: a shorter secret would turn half of the log into stars."""
    trimmed = secret.strip()
    values = [v for v in (trimmed, *map(str.strip, trimmed.splitlines())) if _is_long(v)]
    if not values:
        return Remark(
            code="empty_mask",
            command=command,
            message=f"a secret of less than {SHORTEST_SECRET} characters is not masked",
        )
    return Mask(values=list(dict.fromkeys(values)))


def _is_long(value: str) -> bool:
    return len(value) >= SHORTEST_SECRET
