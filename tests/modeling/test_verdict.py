import json
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.backtest import backtest
from dealcast.modeling.estimators import ESTIMATORS, Context
from dealcast.modeling.evaluation import evaluate
from dealcast.modeling.people import EntityRates, never_closes, win_rates
from dealcast.modeling.selection import choose
from dealcast.modeling.traits import ENTITIES
from dealcast.modeling.verdict import Verdict, judge
from dealcast.settings import ModelSettings, SampleSource

CONTEXT = Context(ModelSettings(horizons_days=(30,)), entities=ENTITIES)


def rates(by: str, p_value: float | None) -> EntityRates:
    """A comparison of which only the p value counts."""
    return EntityRates(by, p_value, None, False, pl.DataFrame(), "")


ALIKE = (rates("sales_agent", 0.19), rates("product", 0.2), rates("account", None))


def candidates(age: float, calendar: float, entities: float, *, count: int = 3_000) -> pl.DataFrame:
    """Rows whose true chances each estimator knows by that share (0 to 1)."""
    rng = np.random.default_rng(3)
    truth = rng.choice([0.05, 0.2, 0.6], count)
    won = rng.random(count) < truth
    shares = {"climatology": 0.0, "age": age, "calendar": calendar, "entities": entities}
    return pl.concat(
        pl.DataFrame(
            {
                "opportunity_id": [f"O{i:05}" for i in range(count)],
                "snapshot_date": [date(2024, 6, 3) + timedelta(i % 2 * 7) for i in range(count)],
                "origin": date(2024, 6, 1),
                "horizon_days": 30,
                "estimator": name,
                "age_days": 9,
                "is_stale": False,
                "p_won": truth.mean() + share * (truth - truth.mean()),
                "p_lost": 0.0,
                "outcome": np.where(won, "won", "open"),
            }
        )
        for name, share in shares.items()
    )


def verdict(
    rows: pl.DataFrame,
    *,
    estimator: str = "calendar",
    winning: tuple[EntityRates, ...] = ALIKE,
    not_closing: tuple[EntityRates, ...] = (),
) -> Verdict:
    evaluation = evaluate(rows, estimator=estimator, seed=0)
    return judge(rows, evaluation, winning=winning, not_closing=not_closing)


TIMING = candidates(0.2, 0.6, 0.6)
NOTHING = candidates(0.8, 0.8, 0.8)


@pytest.mark.parametrize(
    ("rows", "p_value", "strength", "published"),
    [
        (NOTHING, 0.4, "no signal", "age"),
        (candidates(0.5, 0.8, 0.8), 0.4, "weak", "calendar"),
        (TIMING, 0.4, "moderate", "calendar"),
        (candidates(0.0, 1.0, 1.0), 0.4, "moderate", "calendar"),
        (candidates(0.0, 1.0, 1.0), 1e-9, "strong", "calendar"),
        (NOTHING, 1e-9, "weak", "calendar"),
    ],
    ids=["nothing", "a little", "timing", "much by timing", "entities and much", "entities alone"],
)
def test_how_strong_the_signal_is(
    rows: pl.DataFrame, p_value: float, strength: str, published: str
) -> None:
    found = verdict(rows, winning=(rates("sales_agent", p_value),))

    assert (found.strength, found.published) == (strength, published)
    assert found.text.startswith(f"Verdict: {strength}")


def test_timing_without_entities_is_said_with_the_tests_behind_it() -> None:
    found = verdict(TIMING)

    assert (found.timing, found.entities) == (True, ())
    assert (
        "timing: yes; entities: none detectable (win rates: sales_agent p = 0.19, product p = 0.2)."
    ) in found.sentences
    assert "account and contact filled in when engaging" in found.sentences[-1]


@pytest.mark.parametrize(
    ("p_values", "differ"),
    [((0.009,), ("e0",)), ((0.009, 0.5), ()), ((0.004, 0.5), ("e0",)), ((0.004, None), ("e0",))],
)
def test_the_level_is_shared_among_the_tests(
    p_values: tuple[float | None, ...], differ: tuple[str, ...]
) -> None:
    tests = tuple(rates(f"e{i}", p) for i, p in enumerate(p_values))

    found = verdict(TIMING, winning=tests, not_closing=tests)

    assert found.entities == found.never_closes == differ


def test_who_never_closes_is_told_only_where_it_differs() -> None:
    differs = (rates("sales_agent", 1e-6), rates("product", 0.5))

    assert (
        "Who never closes differs by sales_agent." in verdict(TIMING, not_closing=differs).sentences
    )
    alike = verdict(TIMING, not_closing=ALIKE).text
    assert "never closes" not in alike
    assert "  " not in alike


def test_how_far_the_chances_may_be_trusted_is_said() -> None:
    high = (pl.col("estimator") == "calendar") & (pl.col("p_won") > 0.3)

    found = verdict(TIMING.with_columns(p_won=pl.when(high).then(0.7).otherwise("p_won")))

    assert "Won within 30 days, on 3,000 later snapshots: AUC 0.773, log-loss skill" in found.text
    assert "Of the tenth with the highest chances 70% was said and 57% (53% to 60%) came" in (
        found.text
    )
    assert "rank by it, and doubt its level." in found.text


def test_a_right_level_may_be_taken_at_its_word() -> None:
    found = verdict(candidates(0.2, 1.0, 1.0))

    assert "the level can be taken at its word." in found.text


def test_where_there_is_no_signal_base_rates_are_published() -> None:
    found = verdict(NOTHING)

    rate = NOTHING.select((pl.col("outcome") == "won").mean()).item()
    assert found.sentences[3] == (
        "Published are the base rates by age; within 30 days "
        f"{rate:.1%} of all later snapshots were won."
    )
    assert found.sentences[-1].endswith("a history of more quarters.")


def test_where_nothing_was_won_and_age_says_so_there_is_no_signal() -> None:
    rows = NOTHING.with_columns(outcome=pl.lit("open"), p_won=pl.lit(0.0))

    found = verdict(rows)

    assert found.strength == "no signal"
    assert found.gain_over_age == 0


def test_that_only_a_sample_was_judged_is_said_last() -> None:
    rows = candidates(0.30, 0.28, 0.27)
    evaluation = evaluate(rows, estimator="entities", seed=0)

    found = judge(rows, evaluation, winning=[], not_closing=[], judged_on="On a sample.")

    assert found.text.endswith(" On a sample.")


def test_a_verdict_is_ready_for_json() -> None:
    found = verdict(TIMING)

    content = json.loads(json.dumps(found.to_dict()))

    assert content["text"] == found.text
    assert content["gain_over_age"] == found.gain_over_age


Lived = Callable[..., Verdict]


@pytest.fixture(scope="module")
def lived(
    sample_of: Callable[..., pl.DataFrame],
    snapshots_of: Callable[[pl.DataFrame, date], pl.DataFrame],
) -> Lived:
    """The verdict on a sample, as a run comes to it."""

    def of(source: SampleSource, estimators: tuple[str, ...] = tuple(ESTIMATORS)) -> Verdict:
        some = sample_of(source.opportunities, source.signal, source.calendar)
        as_of = source.start + timedelta(days=source.days - 1)
        snapshots = snapshots_of(some, as_of)
        done = backtest(some, snapshots, CONTEXT, as_of=as_of, estimators=estimators)
        return verdict(
            done.candidates,
            estimator=choose(done.candidates).estimator,
            winning=tuple(win_rates(some, by, fiscal_year_start_month=1) for by in ENTITIES),
            not_closing=tuple(never_closes(some, by, as_of=as_of) for by in ENTITIES[:2]),
        )

    return of


def test_where_there_is_nothing_to_find_the_verdict_says_so(lived: Lived) -> None:
    nothing = SampleSource(opportunities=1_000, signal=0, calendar=0)

    found = lived(nothing, ("age", "calendar", "entities"))

    assert (found.strength, found.published) == ("no signal", "age")
    assert "timing: none detectable; entities: none detectable" in found.text


def test_where_there_is_much_to_find_the_verdict_says_what(lived: Lived) -> None:
    much = SampleSource(opportunities=1_000, signal=3)

    found = lived(much, ("age", "calendar", "entities"))

    assert (found.strength, found.published) == ("strong", "entities")
    assert "timing: yes; entities: yes (sales_agent" in found.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("effects", "strengths", "said"),
    [
        ({"signal": 0, "calendar": 0}, {"no signal"}, "timing: none detectable; entities: none"),
        ({"signal": 0}, {"weak", "moderate"}, "timing: yes; entities: none detectable"),
        ({"signal": 3}, {"strong"}, "timing: yes; entities: yes (sales_agent"),
    ],
    ids=["nothing", "as in life", "much"],
)
def test_a_whole_sample_is_judged_by_every_estimator(
    lived: Lived, effects: dict[str, float], strengths: set[str], said: str
) -> None:
    found = lived(SampleSource(**effects))

    assert found.strength in strengths
    assert said in found.text
    assert (found.published == "age") == (strengths == {"no signal"})
