"""Owns all executions of one storage folder."""

from stepflow.supervisor.creation import Reading, check_reading
from stepflow.supervisor.queueing import Waiting
from stepflow.supervisor.supervisor import LiveFigures, Rules, Supervisor

__all__ = ["LiveFigures", "Reading", "Rules", "Supervisor", "Waiting", "check_reading"]
