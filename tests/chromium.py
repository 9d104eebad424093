"""Chromium as tests and benchmarks start it: nothing of its own runs beside the page.

Beside the first page of each window it would load those of its address bar, a second of work.
"""

QUIET = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
)
