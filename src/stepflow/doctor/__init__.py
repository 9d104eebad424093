"""What is well and what is not about a server, its storage folder and its machine.

The same rules for the API (with what the server measures of itself) and for the command line (of a
folder that no server answers for). Each finding has one name, and a fix where one is needed.
"""

from stepflow.doctor.bundle import Material, as_archive, as_text
from stepflow.doctor.finding import Finding, State
from stepflow.doctor.service import unit, unit_of
from stepflow.doctor.subject import Measured, Subject, examine

__all__ = [
    "Finding",
    "Material",
    "Measured",
    "State",
    "Subject",
    "as_archive",
    "as_text",
    "examine",
    "unit",
    "unit_of",
]
