"""Starts one execution's script and follows it to its end."""

from stepflow.runner.command import argv_of
from stepflow.runner.environment_files import FILE_NAMES, create_files, file_variables
from stepflow.runner.masking import masked_request
from stepflow.runner.runner import Runner
from stepflow.runner.seams import Seams
from stepflow.runner.spec import Spec
from stepflow.runner.tail import Tail
from stepflow.runner.tidying import tidy_after_crash

__all__ = [
    "FILE_NAMES",
    "Runner",
    "Seams",
    "Spec",
    "Tail",
    "argv_of",
    "create_files",
    "file_variables",
    "masked_request",
    "tidy_after_crash",
]
