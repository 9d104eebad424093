"""What does not have to be kept for ever: rules, what they would remove, and its removal."""

from stepflow.retention.plan import Doomed, DoomedArtifact, Plan, plan
from stepflow.retention.retention import Forgetting, Retention
from stepflow.retention.rules import KEEP, Rules, TagRule, tag_rules

__all__ = [
    "KEEP",
    "Doomed",
    "DoomedArtifact",
    "Forgetting",
    "Plan",
    "Retention",
    "Rules",
    "TagRule",
    "plan",
    "tag_rules",
]
