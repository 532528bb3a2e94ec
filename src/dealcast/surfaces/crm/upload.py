"""Scores of the newest export → what is to be written for a CRM, and what is left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from dealcast.errors import StoreError, listed
from dealcast.settings import CrmColumns
from dealcast.surfaces.crm.spec import Crm
from dealcast.surfaces.words import count, counted, day
from dealcast.workflow.formulas import runs_as_formula
from dealcast.workflow.freshness import outdated
from dealcast.workflow.manifest import load_latest_steps
from dealcast.workflow.store import Store
from dealcast.workflow.workspace import recorded

KEPT = ("opportunity_id", "grade", "reason_for", "reason_against", "scored_on")


@dataclass(frozen=True)
class Upload:
    """The rows for a CRM, the day of their scores, how many have none, and ids that do not fit."""

    rows: pl.DataFrame
    scored_on: date
    unscored: int
    unfit_ids: tuple[str, ...]

    def notes(self, today: date, tell_age_from_days: int) -> Iterator[str]:
        """What a person should know before these rows are uploaded."""
        age = (today - self.scored_on).days
        if age > tell_age_from_days:
            yield (
                f"The scores are of {day(self.scored_on)}, {count(age)} days ago: `dealcast run` "
                "on a new export makes new ones."
            )
        if self.unscored:
            yield (
                "Left out, as without a probability: "
                f"{counted(self.unscored, 'open opportunity', 'open opportunities')} (`note` of "
                "the table scores says why)."
            )
        if self.unfit_ids:
            yield f"Left out, as their ids do not fit: {listed(self.unfit_ids)}."


def upload(store: Store, crm: Crm, columns: CrmColumns) -> Upload:
    """The newest scores as rows for the CRM.

    Raises StoreError where there are none, where they are older than the export or the model, and
    where no id fits.
    """
    scores, horizon = _newest_scores(store)
    chance = pl.col(f"p_won_{horizon}")
    scored = scores.filter(chance.is_not_null()).select(*KEPT, p_won=chance)
    if scored.is_empty():
        raise StoreError(
            f"There is nothing to upload: {counted(scores.height, 'opportunity', 'opportunities')} "
            "open, none with a probability.",
            remedy="an export with open opportunities that have an engage date; `dealcast export "
            f"scores --root {store.root}` writes the table with a note for each",
        )
    fits = _fits(crm, columns)
    fit, unfit = scored.filter(fits), scored.filter(~fits)["opportunity_id"]
    if fit.is_empty():
        raise _no_id_fits(crm, columns, unfit)
    return Upload(
        crm.rows(fit, columns),
        scored_on=scored["scored_on"][0],
        unscored=scores.height - scored.height,
        unfit_ids=tuple(unfit),
    )


def _newest_scores(store: Store) -> tuple[pl.DataFrame, int]:
    """The scores as the step made them, and their longest horizon (days)."""
    records = load_latest_steps(store)
    record = recorded(records, "score", store)
    stale = outdated(("validate", "clean", "score"), lambda name: recorded(records, name, store))
    if stale:
        raise StoreError(
            f"The scores are older than the newest export or model: '{stale}' is to be done again.",
            remedy=f"`dealcast run --from {stale} --to score --root {store.root}`",
        )
    scores = store.load("scores", version=record.tables["scores"])
    return scores, record.figures["horizon_days"]


def _fits(crm: Crm, columns: CrmColumns) -> pl.Expr:
    """Whether an id can be what the CRM looks for; one that would run as a formula is none."""
    ids = pl.col("opportunity_id")
    if columns.id == crm.own_ids.heading:
        return ids.str.contains(crm.own_ids.pattern)
    return ~runs_as_formula(ids)


def _no_id_fits(crm: Crm, columns: CrmColumns, ids: pl.Series) -> StoreError:
    wanted = (
        f"'{columns.id}' of {crm.name} holds {crm.own_ids.looks}"
        if columns.id == crm.own_ids.heading
        else "a spreadsheet would run them as formulas"
    )
    return StoreError(
        f"No id of the export fits ({wanted}): {listed(ids)}.", remedy=crm.for_other_ids
    )
