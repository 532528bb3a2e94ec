"""Dynamics 365 Sales: a file for the import of opportunities.

By default the id is the column of an alternate key, which the import is told to use. Under the
heading that Dynamics' own exports have, ids are those of its rows (GUIDs), and the two columns that
go with it there are added, empty.
"""

import polars as pl

from dealcast.settings import CrmColumns
from dealcast.surfaces.crm.cells import cells, percent
from dealcast.surfaces.crm.spec import MEGABYTE, Crm, OwnIds

ROW_ID = "(Do Not Modify) Opportunity"
BESIDE_ROW_ID = ("(Do Not Modify) Row Checksum", "(Do Not Modify) Modified On")
NO_DECIMALS = 0


def rows(scored: pl.DataFrame, columns: CrmColumns) -> pl.DataFrame:
    """Display names as headings; the probability as closeprobability has it: whole per cent."""
    made = scored.select(**cells(columns, percent(NO_DECIMALS).cast(pl.Int32)))
    if columns.id != ROW_ID:
        return made
    empty = [pl.lit(None, pl.String).alias(name) for name in BESIDE_ROW_ID]
    return made.select(columns.id, *empty, pl.exclude(columns.id))


DYNAMICS = Crm(
    name="dynamics",
    columns=lambda export: export.dynamics,
    rows=rows,
    own_ids=OwnIds(
        ROW_ID,
        r"^(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$",
        "GUIDs",
    ),
    for_other_ids="--id-column with the column of an alternate key that holds them",
    # 8 MB a file; more rows than these make imports that are slow and hard to mend.
    max_rows=20_000,
    max_bytes=8 * MEGABYTE,
    has_mark=True,
)
