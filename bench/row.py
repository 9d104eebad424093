"""One measured figure, beside what it is compared with and the goal it has; and all of them.

`results.json` keeps the latest figure of every name, so that a part can be measured again alone.
"""

import json
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.console import Console
from rich.table import Table


class Goal(msgspec.Struct, frozen=True):
    """A bound of the value itself, or of its ratio to what ran beside it."""

    relation: Literal["≤", "≥"]
    limit: float
    of: Literal["value", "ratio"] = "value"

    def is_met(self, row: "Row") -> bool:
        figure = row.value if self.of == "value" else row.ratio
        assert figure is not None, f"{row.name} has no {self.of}"
        return figure <= self.limit if self.relation == "≤" else figure >= self.limit

    def __str__(self) -> str:
        return f"{self.relation} {_number(self.limit)}{'x' if self.of == 'ratio' else ''}"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`against` is the same figure of `beside`, which ran in the same minute."""

    name: str
    value: float
    unit: str
    against: float | None = None
    beside: str = ""
    goal: Goal | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.against if self.against else None

    @property
    def is_met(self) -> bool | None:
        return None if self.goal is None else self.goal.is_met(self)

    def __str__(self) -> str:
        beside = "" if self.against is None else f" ({_number(self.against)} {self.beside})"
        goal = "" if self.goal is None else f" {'met' if self.is_met else 'MISSED'} {self.goal}"
        note = f"; {self.note}" if self.note else ""
        return f"{self.name}: {_number(self.value)} {self.unit}{beside}{goal}{note}"

    def as_json(self) -> dict[str, Any]:
        return {
            "value": _rounded(self.value),
            "unit": self.unit,
            "against": _rounded(self.against),
            "beside": self.beside,
            "ratio": _rounded(self.ratio),
            "goal": None if self.goal is None else str(self.goal),
            "met": self.is_met,
            "note": self.note,
        }


def at_most(limit: float, of: Literal["value", "ratio"] = "value") -> Goal:
    return Goal("≤", limit, of)


def at_least(limit: float, of: Literal["value", "ratio"] = "value") -> Goal:
    return Goal("≥", limit, of)


def keep(rows: list[Row], path: Path) -> None:
    """Merge the rows into a results file."""
    results = json.loads(path.read_text()) if path.exists() else {}
    results.update({row.name: row.as_json() for row in rows})
    path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")


def show(rows: list[Row], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("what", "value", "against", "ratio", "goal", ""):
        table.add_column(title, justify="left" if title == "what" else "right")
    for row in rows:
        against = "" if row.against is None else f"{_number(row.against)} {row.beside}"
        verdict = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[row.is_met]
        table.add_row(
            row.name,
            f"{_number(row.value)} {row.unit}",
            against,
            "" if row.ratio is None else f"{_number(row.ratio)}x",
            "" if row.goal is None else str(row.goal),
            verdict,
        )
    console.print(table)
    for row in rows:
        if row.note:
            console.print(f"[dim]{row.name}: {row.note}[/]", highlight=False)


def _rounded(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")


def _number(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
