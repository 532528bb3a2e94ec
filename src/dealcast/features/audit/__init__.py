"""The leak gate: a feature that knows the outcome is found, named, and left out."""

from dealcast.features.audit.candidates import Candidates
from dealcast.features.audit.checks import TESTS
from dealcast.features.audit.facts import Label
from dealcast.features.audit.fields import audit_fields
from dealcast.features.audit.future import Rebuild
from dealcast.features.audit.report import AuditReport
from dealcast.features.audit.run import audit, audit_catalogue
from dealcast.features.audit.spec import AuditRecord, Finding, LeakTest, NotApplicable, Outcome
from dealcast.features.audit.table import audit_table, crm_features_rebuilt

__all__ = [
    "TESTS",
    "AuditRecord",
    "AuditReport",
    "Candidates",
    "Finding",
    "Label",
    "LeakTest",
    "NotApplicable",
    "Outcome",
    "Rebuild",
    "audit",
    "audit_catalogue",
    "audit_fields",
    "audit_table",
    "crm_features_rebuilt",
]
