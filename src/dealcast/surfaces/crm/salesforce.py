"""Salesforce: a file for Data Loader, which updates by Id or upserts by an external id."""

import polars as pl

from dealcast.settings import CrmColumns
from dealcast.surfaces.crm.cells import cells, percent
from dealcast.surfaces.crm.spec import Crm, OwnIds

PERCENT_DECIMALS = 2
MEGABYTE = 1_000_000


def rows(scored: pl.DataFrame, columns: CrmColumns) -> pl.DataFrame:
    """API names as headings; a Percent field takes 42.5 for 42.5 %, a Date field YYYY-MM-DD."""
    return scored.select(**cells(columns, percent(PERCENT_DECIMALS)))


SALESFORCE = Crm(
    name="salesforce",
    columns=lambda export: export.salesforce,
    rows=rows,
    own_ids=OwnIds("Id", r"^[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?$", "15 or 18 letters and digits"),
    for_other_ids="--id-column with the API name of the external id field that holds them, such "
    "as Opportunity_Ref__c, and Upsert in Data Loader",
    # Data Loader with Bulk API 2.0; that API's own limit for one upload.
    max_rows=150_000_000,
    max_bytes=100 * MEGABYTE,
)
