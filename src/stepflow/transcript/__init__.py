"""The complete output of an execution, on disk: by line number, by time, by search, masked.

`Transcript` reads; `LineIndex`, `write_masks`, `archive` and `drop_raw` are the runner's.
"""

from stepflow.transcript.archive import SMALLEST_ARCHIVED_BYTES, ArchivedLog, archive, drop_raw
from stepflow.transcript.line import Line
from stepflow.transcript.line_index import LineIndex, rebuild
from stepflow.transcript.masks import NO_MASKS, SHORTEST_SECRET, Masks, write_masks
from stepflow.transcript.search import Match, Matches, Search
from stepflow.transcript.time_index import Arrivals, misplaced_record
from stepflow.transcript.transcript import Transcript

__all__ = [
    "NO_MASKS",
    "SHORTEST_SECRET",
    "SMALLEST_ARCHIVED_BYTES",
    "ArchivedLog",
    "Arrivals",
    "Line",
    "LineIndex",
    "Masks",
    "Match",
    "Matches",
    "Search",
    "Transcript",
    "archive",
    "drop_raw",
    "misplaced_record",
    "rebuild",
    "write_masks",
]
