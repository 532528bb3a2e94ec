"""Salesforce: a file for Data Loader, which updates by Id or upserts by an external id."""

from dealcast.surfaces.crm.cells import with_percent
from dealcast.surfaces.crm.spec import MEGABYTE, Crm, OwnIds

SALESFORCE = Crm(
    name="salesforce",
    columns=lambda export: export.salesforce,
    rows=with_percent,
    own_ids=OwnIds("Id", r"^[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?$", "15 or 18 letters and digits"),
    for_other_ids="--id-column with the API name of the external id field that holds them, such "
    "as Opportunity_Ref__c, and Upsert in Data Loader",
    # Data Loader with Bulk API 2.0; that API's own limit for one upload.
    max_rows=150_000_000,
    max_bytes=100 * MEGABYTE,
)
