"""crm_features: the opportunity table for people and BI, as of the export. Not for a model.

8 columns of the CRM, 23 engineered, 30 encoded, scaled and targets. Most of them know the outcome.
"""

from dealcast.features.descriptive.columns import TARGETS, CrmFeatures
from dealcast.features.descriptive.describe import (
    Description,
    build_crm_features,
    describe,
    engineer,
)

__all__ = [
    "TARGETS",
    "CrmFeatures",
    "Description",
    "build_crm_features",
    "describe",
    "engineer",
]
