"""Stale opportunities: whose they are, and what the open amount is worth."""

from collections.abc import Iterator

from dealcast.surfaces import charts
from dealcast.surfaces.report.blocks import Block, Charts, Lead, More, Table, figure, number
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.words import count, share

OWNERS = 12


def dead_pipeline(kept: Kept) -> Iterator[Block]:
    """The part, of what the step `forecast` kept."""
    owners, dead = (
        kept.table("forecast", "dead_pipeline"),
        kept.figures("forecast")["dead_pipeline"],
    )
    yield Lead(dead["summary"])
    if owners.is_empty():
        return
    yield Charts(
        (
            figure(
                charts.dead_by_owner,
                owners.head(OWNERS),
                currency=kept.currency,
                title=f"Open amount by owner, {kept.currency}",
                caption="Dead: older than any opportunity that ever closed. Closing them in the "
                "CRM, or asking again, makes the pipeline say what it is worth."
                + _owners_left(owners.height),
            ),
        )
    )
    columns = ("owner", ">open", ">dead", ">open amount", ">dead amount", ">dead", ">worth")
    rows = [
        (
            r["sales_agent"] or "nobody's",
            number(r["open_opportunities"], count),
            number(r["dead_opportunities"], count),
            number(r["open_amount"], count),
            number(r["dead_amount"], count),
            number(r["dead_share"], share),
            number(r["haircut"], share),
        )
        for r in owners.rows(named=True)
    ]
    yield More("Every owner", (Table(f"By owner, {kept.currency}", columns, rows),))


def _owners_left(owners: int) -> str:
    return f" {count(owners - OWNERS)} more owners are in the table." if owners > OWNERS else ""
