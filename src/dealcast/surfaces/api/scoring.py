"""Opportunities of a request → scores, by the very functions that the step `score` calls."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from dealcast.errors import listed
from dealcast.modeling.reasons import Explained
from dealcast.modeling.scoring import open_on, scored_in_order
from dealcast.surfaces.api.bodies import Opportunity
from dealcast.surfaces.api.loaded import Loaded
from dealcast.surfaces.api.problems import ProblemError

Item = dict[str, Any]
# Columns of Scores that an answer names as they are.
AS_THEY_ARE = (
    "opportunity_id", "scored_on", "model_id", "sales_agent", "product", "account", "deal_stage",
    "engage_date", "age_days", "p_ever_won", "amount", "amount_from", "expected_value", "grade",
    "closes_from", "closes_until", "is_stale", "stale_evidence", "is_low_information", "note",
    "reason_for", "reason_against",
)  # fmt: skip
ANY_GRADES = (0.5, 0.25, 0.1)
GIVEN: Mapping[str, pl.DataType] = {
    "opportunity_id": pl.String(),
    "sales_agent": pl.String(),
    "product": pl.String(),
    "account": pl.String(),
    "deal_stage": pl.String(),
    "engage_date": pl.Date(),
    "close_date": pl.Date(),
}


def score_given(
    loaded: Loaded,
    given: Sequence[Opportunity],
    as_of: date,
    grades: tuple[float, ...],
    *,
    with_reasons: bool,
) -> list[Item]:
    """The answer to each, in the order given.

    Raises ProblemError for one given twice, or a day before the last that the model knows.
    """
    if as_of < loaded.known_until:
        raise ProblemError(
            "conflict",
            f"The model knows what happened until {loaded.known_until}: "
            f"scores for {as_of} would know the future.",
            remedy=f"give an as_of from {loaded.known_until} on, or none",
        )
    _refuse_repeated([o.opportunity_id for o in given])
    opened = open_on(_rows(given).lazy(), as_of).collect().hstack(_amounts(given))
    model = loaded.model
    scores, explained = scored_in_order(
        model,
        opened,
        as_of=as_of,
        model_id=loaded.signs.version.model_id,
        grades=grades,
        explains=with_reasons,
    )
    answers = list(items(scores, model.horizons_days))
    if explained is not None:
        parts = _parts(explained)
        for answer in answers:
            answer["reasons"] = [] if answer["age_days"] is None else next(parts)
    return answers


def warm_up(loaded: Loaded) -> None:
    """Score a made-up opportunity: a model that cannot is found here, and no caller waits."""
    example = Opportunity(opportunity_id="EXAMPLE", engage_date=loaded.known_until)
    for with_reasons in (False, True):
        score_given(loaded, [example], loaded.known_until, ANY_GRADES, with_reasons=with_reasons)


def items(scores: pl.DataFrame, horizons_days: Sequence[int]) -> Iterator[Item]:
    """Rows of Scores as an answer tells them, with the chances of the horizons in a list."""
    named = [(h, f"p_won_{h}", f"p_lost_{h}") for h in horizons_days]
    for row in scores.iter_rows(named=True):
        item = {name: row.get(name) for name in AS_THEY_ARE}
        item["chances"] = [
            {"horizon_days": h, "p_won": row[won], "p_lost": row[lost]} for h, won, lost in named
        ]
        item["reasons"] = None
        yield item


def parts_by_id(reasons: pl.DataFrame) -> dict[str, list[Item]]:
    """Rows of ScoreReasons, by opportunity."""
    found: dict[str, list[Item]] = {}
    for id_, part, log_odds in reasons.select("opportunity_id", "part", "log_odds").iter_rows():
        found.setdefault(id_, []).append({"part": part, "log_odds": log_odds})
    return found


def _rows(given: Sequence[Opportunity]) -> pl.DataFrame:
    columns = {
        "opportunity_id": [o.opportunity_id for o in given],
        "sales_agent": [o.sales_agent for o in given],
        "product": [o.product for o in given],
        "account": [o.account for o in given],
        "deal_stage": [o.deal_stage or "Engaging" for o in given],
        "engage_date": [o.engage_date for o in given],
        "close_date": [None] * len(given),
    }
    return pl.DataFrame(columns, schema=GIVEN)


def _amounts(given: Sequence[Opportunity]) -> list[pl.Series]:
    """What they bring if won, where that is stated."""
    amounts = [o.amount for o in given]
    stated = [None if a is None else "stated" for a in amounts]
    return [
        pl.Series("amount", amounts, dtype=pl.Float64),
        pl.Series("amount_from", stated, dtype=pl.String),
    ]


def _parts(explained: Explained) -> Iterator[list[Item]]:
    """The parts of each that has a clock."""
    for log_odds in explained.log_odds[explained.place].tolist():
        each = zip(explained.parts, log_odds, strict=True)
        yield [{"part": part, "log_odds": size} for part, size in each]


def _refuse_repeated(ids: Sequence[str]) -> None:
    repeated = [id_ for id_, times in Counter(ids).items() if times > 1]
    if not repeated:
        return
    raise ProblemError(
        "conflict",
        f"{len(repeated):,} opportunities are given more than once: {listed(repeated)}.",
        remedy="give each opportunity once",
    )
