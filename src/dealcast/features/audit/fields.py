"""The leak gate for the fields of the CRM: was a field there while the opportunity was open?"""

import polars as pl

from dealcast.cells import REFERENCES
from dealcast.contracts import CrmTables
from dealcast.features.audit.candidates import Candidates
from dealcast.features.audit.checks import FIELD_TESTS
from dealcast.features.audit.facts import OPPORTUNITY_LABELS, facts_of, last_day
from dealcast.features.audit.report import AuditReport
from dealcast.features.audit.run import audit
from dealcast.features.audit.spec import NotApplicable
from dealcast.settings.tree import AuditSettings


def audit_fields(tables: CrmTables, *, settings: AuditSettings, seed: int = 0) -> AuditReport:
    """The leak gate for sales_agent, product and account, and for what is joined through each.

    Only the tests of closed against open rows apply: the export keeps no history of a field. A
    model may use a field, and all of its group, only where it passed.
    """
    frame, groups = _fields(tables)
    keys = frame.select("opportunity_id")
    facts = facts_of(keys, tables, as_of=last_day(tables), horizon_days=0)
    candidates = Candidates(
        frame=frame[facts["row"].to_numpy()],
        facts=facts,
        tables=tables,
        features=tuple(name for members in groups.values() for name in members),
        labels=OPPORTUNITY_LABELS,
        groups=groups,
        erased=NotApplicable("the export keeps no history of its fields"),
    )
    return audit(candidates, settings, seed=seed, tests=FIELD_TESTS)


def _fields(tables: CrmTables) -> tuple[pl.DataFrame, dict[str, tuple[str, ...]]]:
    """One row per opportunity with its fields, and the field that each was joined through."""
    rows = tables.opportunities.select("opportunity_id", *REFERENCES)
    groups = {}
    for key, member in REFERENCES.items():
        dimension = tables.to_dict().get(member)
        joined = [] if dimension is None else dimension.collect_schema().names()
        groups[key] = (key, *(c for c in joined if c != key))
        if dimension is not None:
            rows = rows.join(dimension, on=key, how="left")
    return rows.sort("opportunity_id").collect(), groups
