"""Starts one execution's script and follows it to its end."""

from stepflow.runner.command import argv_of
from stepflow.runner.runner import Runner
from stepflow.runner.seams import Seams
from stepflow.runner.spec import Spec
from stepflow.runner.tail import Tail
from stepflow.runner.tidying import tidy_after_crash

__all__ = ["Runner", "Seams", "Spec", "Tail", "argv_of", "tidy_after_crash"]
