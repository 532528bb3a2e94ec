"""CLEANING_RULES: all that cleaning does, in the order in which it does it."""

from dealcast.cleaning.reasons import REASONS
from dealcast.cleaning.repairs import REPAIRS
from dealcast.cleaning.spec import Rule

CLEANING_RULES: tuple[Rule, ...] = (*REPAIRS, *REASONS)


def rules_table() -> list[dict[str, str]]:
    """One record per rule, for the generated page and for terminals."""
    return [
        {
            "code": rule.code,
            "title": rule.title,
            "action": rule.action,
            "tables": ", ".join(rule.tables),
            "does": rule.does,
        }
        for rule in CLEANING_RULES
    ]
