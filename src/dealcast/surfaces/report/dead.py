"""Stale opportunities: whose they are, and what the open amount is worth."""

from collections.abc import Iterator

from dealcast.surfaces import charts
from dealcast.surfaces.report.blocks import Block, Charts, Lead, figure, folded
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.tables.outlook import dead_by_owner
from dealcast.surfaces.words import count

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
    yield folded(dead_by_owner(owners.rows(named=True), kept.currency))


def _owners_left(owners: int) -> str:
    return f" {count(owners - OWNERS)} more owners are in the table." if owners > OWNERS else ""
