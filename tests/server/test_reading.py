"""What the settings say of how output is read."""

import pytest

from stepflow.config import Settings
from stepflow.errors import InvalidSetting
from stepflow.model import Section
from stepflow.server.reading import reading_of

SECTION = {"start": "^== (.*)", "end": "^==$"}


def test_languages_and_sections_come_from_the_settings() -> None:
    reading = reading_of(Settings(dialects=["none"], sections=[SECTION]))
    assert (reading.dialects, reading.sections) == ("none", [Section("^== (.*)", "^==$")])
    assert reading_of(Settings()).dialects == "auto"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (Settings(dialects=["githbu"]), "STEPFLOW_DIALECTS: there is no 'githbu' (did you mean"),
        (Settings(sections=[{"start": "("}]), "STEPFLOW_SECTIONS: Object missing required"),
        (Settings(sections=[SECTION | {"start": "("}]), "STEPFLOW_SECTIONS: section 1: its start"),
    ],
)
def test_what_can_not_be_is_refused_by_the_settings_name(settings: Settings, why: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        reading_of(settings)
    assert why in refused.value.detail
