"""HubSpot: a file for the import of deals, which updates by Record ID or a unique property."""

from dealcast.surfaces.crm.cells import with_percent
from dealcast.surfaces.crm.spec import MEGABYTE, Crm, OwnIds

HUBSPOT = Crm(
    name="hubspot",
    columns=lambda export: export.hubspot,
    rows=with_percent,
    own_ids=OwnIds("Record ID", r"^[0-9]+$", "digits only"),
    for_other_ids="--id-column with the label of the deal property with unique values that holds "
    "them",
    # 1,048,576 with the heading, as a spreadsheet has; 512 MB on paid plans.
    max_rows=1_048_575,
    max_bytes=512 * MEGABYTE,
)
