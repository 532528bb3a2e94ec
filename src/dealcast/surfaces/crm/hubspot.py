"""HubSpot: a file for the import of deals, which updates by Record ID or a unique property."""

import polars as pl

from dealcast.settings import CrmColumns
from dealcast.surfaces.crm.cells import cells, percent
from dealcast.surfaces.crm.spec import Crm, OwnIds

PERCENT_DECIMALS = 2
MEGABYTE = 1_000_000


def rows(scored: pl.DataFrame, columns: CrmColumns) -> pl.DataFrame:
    """Labels of properties as headings; the probability is a plain number, the day a date."""
    return scored.select(**cells(columns, percent(PERCENT_DECIMALS)))


HUBSPOT = Crm(
    name="hubspot",
    columns=lambda export: export.hubspot,
    rows=rows,
    own_ids=OwnIds("Record ID", r"^[0-9]+$", "digits only"),
    for_other_ids="--id-column with the label of the deal property with unique values that holds "
    "them",
    # 1,048,576 with the heading, as a spreadsheet has; 512 MB on paid plans.
    max_rows=1_048_575,
    max_bytes=512 * MEGABYTE,
)
