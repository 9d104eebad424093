"""Owns all executions of one storage folder."""

from stepflow.supervisor.supervisor import LiveFigures, Rules, Supervisor

__all__ = ["LiveFigures", "Rules", "Supervisor"]
