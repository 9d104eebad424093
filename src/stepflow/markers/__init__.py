"""Markers: the syntax. Output of a script in, typed markers out; their meaning is the timeline's.

A dialect is one file in `dialects/` and one line in its registry.
"""

from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import Marker, Text
from stepflow.markers.pipeline import MARKER_BYTES, OWN, Pipeline
from stepflow.markers.scan import Scanner, scanner_for

__all__ = ["MARKER_BYTES", "OWN", "Dialect", "Marker", "Pipeline", "Scanner", "Text", "scanner_for"]
