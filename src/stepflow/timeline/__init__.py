"""The timeline: the meaning. Output and an exit in, events out, by pure rules."""

from stepflow.timeline.parser import Parser, ParserOptions

__all__ = ["Parser", "ParserOptions"]
