"""How output is read by default, from the settings: marker languages, and own sections."""

import msgspec

from stepflow.config import Settings, allowed
from stepflow.errors import InvalidRequest, InvalidSetting
from stepflow.model import Dialects, Section
from stepflow.supervisor import Reading, check_reading


def reading_of(settings: Settings) -> Reading:
    """Raises InvalidSetting."""
    try:
        sections = msgspec.convert(settings.sections, list[Section])
    except msgspec.ValidationError as error:
        raise InvalidSetting(
            f"STEPFLOW_SECTIONS: {error}; {allowed('sections')}", field="sections"
        ) from error
    dialects: Dialects = settings.dialects
    if settings.dialects in (["auto"], ["none"]):
        dialects = "auto" if settings.dialects == ["auto"] else "none"
    try:
        check_reading(dialects, sections)
    except InvalidRequest as error:
        field = str(error.field)
        said = error.detail.removeprefix(field)
        raise InvalidSetting(f"STEPFLOW_{field.upper()}{said}", field=field) from error
    return Reading(dialects, sections)
