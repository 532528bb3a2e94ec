"""The verdict in words: is there signal, from what, how far to trust it, what would help."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from dealcast.modeling.evaluation import (
    Evaluation,
    HorizonEvaluation,
    by_estimator,
    codes,
    won_and_p,
)
from dealcast.modeling.metrics import skill
from dealcast.modeling.paired import paired_difference
from dealcast.modeling.people import LEVEL, EntityRates

# Share of the log loss of age alone that the model saves: under the first there is no signal worth
# the name, from the second on (with entities that differ) it is strong.
WORTH_USING, MODERATE, STRONG = 0.02, 0.05, 0.15
# Share of dates (0-1) whose level may be off beyond chance (one in twenty is by luck), and how many
# wins must be expected (count) for a date to be asked.
MOST_OFF, ENOUGH_WINS = 0.2, 50


@dataclass(frozen=True)
class Verdict:
    """What may be believed.

    `strength`: no signal, weak, moderate or strong. `timing`, `entities`, `never_closes`: whether
    each tells opportunities apart. `published`: the estimator whose probabilities are issued.
    """

    strength: str
    timing: bool
    entities: tuple[str, ...]
    never_closes: tuple[str, ...]
    published: str
    gain_over_age: float
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it, in a few sentences."""
        return " ".join(filter(None, self.sentences))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "text": self.text}


def judge(  # noqa: PLR0913 - keywords from different parts of the run
    candidates: pl.DataFrame,
    evaluation: Evaluation,
    *,
    winning: Sequence[EntityRates],
    not_closing: Sequence[EntityRates],
    is_asked_for: bool = False,
    judged_on: str = "",
) -> Verdict:
    """The verdict on the chosen estimator from its backtest and the tests of people metrics.

    `candidates`: the contract BacktestCandidates. Timing: at the shortest horizon the calendar
    saves log loss beside age alone, beyond chance. Entities: a difference in win rate given the
    calendar, at .01 shared among the tests. `is_asked_for`: the estimator is issued whatever the
    verdict says. `judged_on`: a sentence on the opportunities, where they are not all there are.
    """
    first = evaluation.horizons[0]
    beside = {**first.baselines, evaluation.estimator: first.figures}
    # None where age alone makes no mistake: then there is nothing to gain.
    gain = skill(first.figures.log_loss, beside["age"].log_loss) or 0.0
    timing = _calendar_helps(candidates, first.horizon_days)
    entities, never = _that_differ(winning), _that_differ(not_closing)
    helps = (first.figures.log_loss_skill or 0.0) > 0
    nothing = not helps or (not timing and not entities and gain < WORTH_USING)
    strength = "no signal" if nothing else _strength(gain, entities=bool(entities))
    published = "age" if nothing and not is_asked_for else evaluation.estimator
    return Verdict(
        strength=strength,
        timing=timing,
        entities=entities,
        never_closes=never,
        published=published,
        gain_over_age=gain,
        sentences=(
            _headline(strength),
            _from_what(timing, entities, winning),
            _who_never_closes(never),
            _base_rates(first) if nothing and not is_asked_for else _trust(first),
            _would_help(timing, entities),
            *filter(None, [judged_on]),
        ),
    )


def _calendar_helps(candidates: pl.DataFrame, horizon_days: int) -> bool:
    needed = pl.col("estimator").is_in(["age", "calendar"])
    parts = by_estimator(candidates.filter(pl.col("horizon_days") == horizon_days, needed))
    age, calendar = parts["age"], parts["calendar"]
    won, p_age = won_and_p(age)
    difference = paired_difference(won, p_age, won_and_p(calendar)[1], opportunity=codes(age))
    return difference is not None and difference.low > 0


def _that_differ(tests: Sequence[EntityRates]) -> tuple[str, ...]:
    tested = [t for t in tests if t.heterogeneity_p is not None]
    return tuple(t.by for t in tested if (t.heterogeneity_p or 0) < LEVEL / len(tested))


def _strength(gain: float, *, entities: bool) -> str:
    if entities and gain >= STRONG:
        return "strong"
    return "moderate" if gain >= MODERATE else "weak"


def _headline(strength: str) -> str:
    told: Mapping[str, str] = {
        "no signal": "Verdict: no signal. Beyond how long an opportunity has been open, these data "
        "tell too little of which will be won to be worth more than base rates.",
        "weak": "Verdict: weak signal.",
        "moderate": "Verdict: moderate signal.",
        "strong": "Verdict: strong signal.",
    }
    return told[strength]


def _from_what(timing: bool, entities: tuple[str, ...], winning: Sequence[EntityRates]) -> str:
    tested = ", ".join(f"{t.by} p = {t.heterogeneity_p:.2g}" for t in winning
                       if t.heterogeneity_p is not None)  # fmt: skip
    found = f"yes ({', '.join(entities)})" if entities else "none detectable"
    return (
        f"timing: {'yes' if timing else 'none detectable'}; entities: {found}"
        + (f" (win rates: {tested})" if tested else "")
        + "."
    )


def _who_never_closes(never: tuple[str, ...]) -> str:
    return f"Who never closes differs by {', '.join(never)}." if never else ""


def _trust(first: HorizonEvaluation) -> str:
    f, top = first.figures, first.reliability[-1]
    return (
        f"Won within {first.horizon_days} days, on {first.n:,} later snapshots: AUC "
        f"{_told(f.auc)}, log-loss skill {_told(f.log_loss_skill)}; predicted and observed differ "
        f"by {f.ece:.1%} on average. Of the tenth with the highest chances {top.predicted:.0%} was "
        f"said and {top.observed:.0%} ({top.low:.0%} to {top.high:.0%}) came: " + _level(first)
    )


def _level(first: HorizonEvaluation) -> str:
    """Whether the level of the chances holds, at the top and from date to date."""
    top = first.reliability[-1]
    if not top.low <= top.predicted <= top.high:
        return "rank by it, and doubt its level."
    dates = [r for r in first.by_date if r["predicted"] * r["n"] >= ENOUGH_WINS]
    off = [r for r in dates if r["ratio_low"] > 1 or r["ratio_high"] < 1]
    if len(off) <= MOST_OFF * len(dates):
        return "the level can be taken at its word."
    ratios = [r["ratio"] for r in dates]
    return (
        f"right on average, but on single dates {min(ratios):.2f} to {max(ratios):.2f} times as "
        "many were won as said: plan with that margin."
    )


def _base_rates(first: HorizonEvaluation) -> str:
    return (
        f"Published are the base rates by age; within {first.horizon_days} days "
        f"{first.rate:.1%} of all later snapshots were won."
    )


def _would_help(timing: bool, entities: tuple[str, ...]) -> str:
    if timing and entities:
        return "What would help most: dated activity (meetings, mails, stage changes)."
    wanted = [] if entities else ["dated activity (meetings, mails, stage changes)",
                                  "account and contact filled in when engaging"]  # fmt: skip
    if not timing:
        wanted.append("a history of more quarters")
    return f"What would help: {', '.join(wanted)}."


def _told(figure: float | None) -> str:
    return "none" if figure is None else f"{figure:.3f}"
