"""StepFlow Monitor: see any script the way a CI shows a build."""

__version__ = "1.0.0"
