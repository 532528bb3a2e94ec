"""When an export is not what the mapping says it is: better no result than a wrong one."""

from collections.abc import Mapping, Sequence

import polars as pl

from dealcast.cells import repeated
from dealcast.contracts import PROVENANCE, STAGES
from dealcast.errors import EXAMPLES_SHOWN, SourceError, listed, nearest, quoted
from dealcast.sources.reading.mapping import REQUIRED, CrmMapping, fitting, knowing

MOST = 0.5  # share of rows; with more, it is not the rows that are wrong
NAMES_SHOWN = 25
OWN_MAPPING = "write a mapping of your own (docs/mapping.md) and give it with --mapping FILE"


def refuse_missing_columns(
    file: str, table: str, mapping: CrmMapping, names: Sequence[str], found: Mapping[str, str]
) -> None:
    """Raise SourceError where a required column is not in the file, with the nearest names."""
    missing = [column for column in REQUIRED[table] if column not in found]
    if not missing:
        return
    free = [name for name in names if name not in found.values()]
    wanted = []
    for column in missing:
        near = _nearest_of((column, *mapping.tables[table].columns[column]), free)
        wanted.append(column + (f" (nearest: {quoted(near)})" if near else ""))
    other = fitting(names, but=mapping.name) if table == "opportunities" else None
    raise SourceError(
        f"{file} has no column that the mapping {mapping.name} knows as {', '.join(wanted)}. "
        f"It has {listed(names, shown=NAMES_SHOWN)}.",
        remedy=f"--mapping {other}: its names are there" if other else OWN_MAPPING,
    )


def refuse_unknown_stages(opportunities: pl.DataFrame, mapping: CrmMapping) -> None:
    """Raise SourceError where most rows have a stage that is not ours: the mapping is wrong."""
    stage = pl.col("deal_stage")
    unknown = opportunities.filter(~stage.is_in(STAGES).fill_null(value=False))
    if unknown.height <= MOST * opportunities.height:
        return
    counts = unknown.group_by(stage).len().sort("len", "deal_stage", descending=[True, False])
    names = counts["deal_stage"].drop_nulls().to_list()
    other = knowing(names, but=mapping.name) if names else None
    raise SourceError(
        f"{_place(opportunities, 'deal_stage')}: {unknown.height:,} of {opportunities.height:,} "
        f"rows have a stage that the mapping {mapping.name} does not know: "
        f"{_stages_in_words(counts, mapping)}.",
        remedy=f"--mapping {other}: it knows these stages"
        if other
        else f"add the stages to the mapping, or {OWN_MAPPING}",
    )


def refuse_repeated_ids(opportunities: pl.DataFrame) -> None:
    """Raise SourceError where most ids are blank, or most differing rows share theirs."""
    ids = opportunities["opportunity_id"].drop_nulls()
    blank = opportunities.height - len(ids)
    if blank > MOST * opportunities.height:
        raise SourceError(
            f"{_place(opportunities, 'opportunity_id')}: {blank:,} of {opportunities.height:,} "
            "rows have no opportunity_id.",
            remedy="map the column that names the opportunity to opportunity_id (docs/mapping.md)",
        )
    where = repeated(opportunities["opportunity_id"])
    if not where.any():
        return
    cells = [column for column in opportunities.columns if column not in PROVENANCE]
    # Rows whose id is theirs alone differ from all others.
    sharing = opportunities.filter(where).unique(cells)
    differing = sharing.filter(repeated(sharing["opportunity_id"]))
    rows = len(ids) - int(where.sum()) + sharing.height
    if differing.height <= MOST * rows:
        return
    raise SourceError(
        f"{_place(opportunities, 'opportunity_id')}: {differing.height:,} of {rows:,} rows that "
        "differ share their opportunity_id with another, such as "
        f"{listed(differing['opportunity_id'].unique().sort(), shown=2)}: these look like line "
        "items, or like exports of several days, not like opportunities.",
        remedy="export one row per opportunity, or map the column that names it",
    )


def _place(opportunities: pl.DataFrame, column: str) -> str:
    files = opportunities[PROVENANCE[0]].unique().cast(pl.String).sort()
    return f"Column {column} of {listed(files)}"


def _nearest_of(wanted: Sequence[str], names: Sequence[str]) -> str | None:
    found = (nearest(want, names) for want in wanted)
    return next((name for name in found if name), None)


def _stages_in_words(counts: pl.DataFrame, mapping: CrmMapping) -> str:
    words = []
    for stage, rows in counts.head(EXAMPLES_SHOWN).iter_rows():
        near = nearest(stage, mapping.stages) if stage else None
        name = quoted(stage) if stage else "no stage"
        words.append(f"{name} ({rows:,} rows" + (f", nearest '{near}')" if near else ")"))
    rest = counts.height - len(words)
    return ", ".join(words) + (f" and {rest} more" if rest else "")
