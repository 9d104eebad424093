"""The one tree of steps for all dialects: who is open, who is whose parent, what nesting is proven.

Only open steps are kept, and those closed ones that a late end may still prove to be parents.
"""

from collections.abc import Collection, Iterable, Iterator

import msgspec

from stepflow.timeline import limits
from stepflow.timeline.names import best_match


class OpenStep(msgspec.Struct, array_like=True):
    """`inside` is the index of the step that holds it now; it outlives a group that ends first.
    `has_siblings`: something in the tree's memory of closed steps was inside of it."""

    index: int
    name: str
    kind: str
    dialect: str
    log_line: int
    inside: int | None = None
    depth: int = 1
    id: str | None = None
    flow: str | None = None
    is_plain: bool = False
    is_parallel: bool = False
    stops: bool = False
    has_siblings: bool = False
    key: str | None = None
    ts: float | None = None

    @property
    def has_status(self) -> bool:
        return self.kind in ("step", "command")


class Sibling(msgspec.Struct, array_like=True, frozen=True):
    """A step that may become the child of a superseded one."""

    index: int
    name: str
    inside: int | None


class Tree(msgspec.Struct):
    """`open` is in the order of the starts, so parents stand before their children."""

    open: list[OpenStep] = []
    superseded: list[Sibling] = []
    since: list[Sibling] = []

    def add(self, step: OpenStep) -> None:
        self.open.append(step)
        if self.superseded and not step.is_parallel:
            self.since.append(self._sibling(step))
            self._forget_the_oldest()

    def by_index(self, index: int | None) -> OpenStep | None:
        return next((s for s in self.open if s.index == index), None) if index is not None else None

    def by_id(self, own_id: str, dialect: str | None = None) -> OpenStep | None:
        return next(
            (
                s
                for s in reversed(self.open)
                if s.id == own_id and (dialect is None or s.dialect == dialect)
            ),
            None,
        )

    def by_key(self, key: str, dialect: str) -> OpenStep | None:
        return next((s for s in reversed(self.open) if s.key == key and s.dialect == dialect), None)

    def innermost_group(self, dialects: Collection[str]) -> OpenStep | None:
        return next(
            (s for s in reversed(self.open) if s.kind == "group" and s.dialect in dialects), None
        )

    def named(self, reference: str) -> OpenStep | None:
        """By id, else by name, the latest first; those without an id before the others."""
        without_id = [s for s in self.open if not s.is_parallel]
        return self.by_id(reference) or best_match(reference, without_id, self.open)

    def innermost(self, dialect: str | None = None, flow: str | None = None) -> OpenStep | None:
        """The latest of a lane; parallel steps only where there is no other."""
        lane = [
            s
            for s in self.open
            if (dialect is None or s.dialect == dialect) and (flow is None or s.flow == flow)
        ]
        return next((s for s in reversed(lane) if not s.is_parallel), lane[-1] if lane else None)

    def implicit_parent(self, flow: str | None = None) -> OpenStep | None:
        return next((s for s in reversed(self.open) if not s.is_parallel and s.flow == flow), None)

    def plain_level(self) -> tuple[OpenStep | None, OpenStep | None]:
        """Where a plain start without a parent belongs, and the plain step there that it closes."""
        level: OpenStep | None = None
        for step in self.open:
            if step.is_parallel or step.inside != (level.index if level else None):
                continue
            if step.is_plain:
                return level, step
            if step.flow is None:
                level = step
        return level, None

    def plain_child_of(self, parent: OpenStep | None) -> OpenStep | None:
        inside = parent.index if parent else None
        return next((s for s in self.open if s.is_plain and s.inside == inside), None)

    def capped(self, parent: OpenStep | None) -> OpenStep | None:
        """The parent, or its own parent where the tree would grow deeper than the cap."""
        while parent is not None and parent.depth >= limits.DEPTH:
            parent = self.by_index(parent.inside)
        return parent

    def within(self, step: OpenStep) -> list[OpenStep]:
        """What is open inside, innermost first."""
        inside = {step.index}
        found = []
        for other in self.open:
            if other.inside in inside:
                inside.add(other.index)
                found.append(other)
        return found[::-1]

    def remove(self, step: OpenStep) -> None:
        self.open.remove(step)
        if step.has_siblings:
            self.superseded = [s for s in self.superseded if s.inside != step.index]
            self.since = [s for s in self.since if s.inside != step.index]
            self._forget_the_oldest()

    def hang_out(self, step: OpenStep) -> None:
        """Before `step` closes: what stays open inside it hangs on its parent from now on."""
        for other in self.open:
            if other.inside == step.index:
                other.inside = step.inside

    def remember_superseded(self, step: OpenStep) -> None:
        self.superseded.append(self._sibling(step))
        self._forget_the_oldest()

    def adopt(self, parent: Sibling) -> list[Sibling]:
        """The steps that `parent` turns out to hold; they are forgotten as anyone else's."""
        children = [s for s in self.since if s.index > parent.index and s.inside == parent.inside]
        taken = {s.index for s in children}
        self.since = [s for s in self.since if s.index not in taken]
        self.superseded = [
            s for s in self.superseded if s.index != parent.index and s.index not in taken
        ]
        self._forget_the_oldest()
        return children

    def _sibling(self, step: OpenStep) -> Sibling:
        parent = self.by_index(step.inside)
        if parent is not None:
            parent.has_siblings = True
        return Sibling(step.index, step.name, step.inside)

    def _forget_the_oldest(self) -> None:
        if len(self.superseded) > limits.SUPERSEDED:
            del self.superseded[0]
        while len(self.since) > limits.SINCE_SUPERSEDED and self.superseded:
            del self.superseded[0]
            self._forget_since_before_the_first()
        if not self.superseded:
            self.since.clear()

    def _forget_since_before_the_first(self) -> None:
        if self.superseded:
            first = self.superseded[0].index
            self.since = [s for s in self.since if s.index > first]


def outermost_groups(steps: Iterable[OpenStep]) -> Iterator[tuple[OpenStep, OpenStep]]:
    """Never-closed groups in never-closed groups, each with the outermost one of its chain."""
    top: dict[int, OpenStep] = {}
    for step in steps:
        if step.kind != "group":
            continue
        if step.inside in top:
            top[step.index] = top[step.inside]
            yield step, top[step.index]
        else:
            top[step.index] = step
