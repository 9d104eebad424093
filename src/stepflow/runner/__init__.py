"""Starts one execution's script and follows it to its end."""

from stepflow.runner.command import argv_of
from stepflow.runner.runner import Runner, Seams, tidy_after_crash
from stepflow.runner.spec import Spec
from stepflow.runner.tail import Tail

__all__ = ["Runner", "Seams", "Spec", "Tail", "argv_of", "tidy_after_crash"]
