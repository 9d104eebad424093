"""The rules: how old, how many, how large. Pure.

A tag's rule stands in place of the general ones by age and number; of several tags the kindest
counts. The limit of size is for all, and what has to stay counts too. What is pinned, what has not
ended and what has an artifact that is to be kept longer always stays.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

KEEP = "keep"


class TagRule(msgspec.Struct, frozen=True):
    """At most so old or so many; neither: kept for ever."""

    days: int | None = None
    count: int | None = None

    @property
    def keeps(self) -> bool:
        return self.days is None and self.count is None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    days: int | None = None
    count: int | None = None
    size_bytes: int | None = None
    tags: dict[str, TagRule] = {}

    @property
    def is_any(self) -> bool:
        """Whether there is anything that they could remove."""
        limits = (self.days, self.count, self.size_bytes)
        return any(limit is not None for limit in limits) or any(
            not rule.keeps for rule in self.tags.values()
        )

    @property
    def shortest_days(self) -> int | None:
        """What ended later than so many days ago stays in any case; None if that can't be said."""
        days = [self.days, *(rule.days for rule in self.tags.values() if not rule.keeps)]
        by_time = [limit for limit in days if limit is not None]
        is_counted = any(rule.count is not None for rule in self.tags.values())
        if is_counted or self.count is not None or self.size_bytes is not None or not by_time:
            return None
        return min(by_time)


class Tally:
    """Goes through executions from the newest to the oldest and says of each why it may go."""

    def __init__(self, rules: Rules, now: datetime) -> None:
        self._rules = rules
        self._now = now
        self._count = 0
        self._counts = dict.fromkeys(rules.tags, 0)
        self._size_bytes = 0

    def reason(
        self, tags: Iterable[str], ended_at: datetime, size_bytes: int, *, must_stay: bool
    ) -> str | None:
        """None: it may stay. What `must_stay` takes its room whatever the rules say of it."""
        known = [tag for tag in tags if tag in self._rules.tags]
        for tag in known:
            self._counts[tag] += 1
        self._count += 1
        self._size_bytes += size_bytes
        if any(self._rules.tags[tag].keeps for tag in known):
            return None
        reasons = [self._by_tag(tag, ended_at) for tag in known]
        reason = self._by_all(ended_at) if not known else None
        if known and all(reasons):
            reason = reasons[0]
        limit = self._rules.size_bytes
        if reason is None and limit is not None and self._size_bytes > limit:
            reason = f"beyond {limit:,} bytes"
        if reason is not None and not must_stay:
            self._size_bytes -= size_bytes
        return reason

    def _by_tag(self, tag: str, ended_at: datetime) -> str | None:
        rule = self._rules.tags[tag]
        if rule.days is not None and self._is_older(ended_at, rule.days):
            return f"older than {rule.days} days ({tag})"
        if rule.count is not None and self._counts[tag] > rule.count:
            return f"beyond the newest {rule.count} ({tag})"
        return None

    def _by_all(self, ended_at: datetime) -> str | None:
        rules = self._rules
        if rules.days is not None and self._is_older(ended_at, rules.days):
            return f"older than {rules.days} days"
        if rules.count is not None and self._count > rules.count:
            return f"beyond the newest {rules.count}"
        return None

    def _is_older(self, ended_at: datetime, days: int) -> bool:
        return self._now - ended_at > timedelta(days=days)


def tag_rules(texts: Iterable[str]) -> dict[str, TagRule]:
    """From `nightly=30d`, `release=keep`, `ci=100`, as the settings have them."""
    rules = {}
    for text in texts:
        tag, _, said = text.rpartition("=")
        if said == KEEP:
            rules[tag] = TagRule()
        elif said.endswith("d"):
            rules[tag] = TagRule(days=int(said[:-1]))
        else:
            rules[tag] = TagRule(count=int(said))
    return rules
