from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.modeling.people import EntityRates, never_closes, win_rates
from dealcast.settings import SampleSource
from dealcast.sources.sample import World

AS_OF = date(2024, 12, 31)
REAL_AS_OF = date(2017, 12, 31)
MONTHS = (date(2024, 1, 15), date(2024, 2, 15), date(2024, 3, 15))

Agents = dict[str, Sequence[tuple[int, int]]]


def closed(agents: Agents) -> pl.DataFrame:
    """Closed opportunities of (won, lost) per agent and month of the quarter."""
    rows = [
        (agent, stage, month - timedelta(9), month)
        for agent, counts in agents.items()
        for month, (won, lost) in zip(MONTHS, counts, strict=False)
        for stage in ["Won"] * won + ["Lost"] * lost
    ]
    columns = ["sales_agent", "deal_stage", "engage_date", "close_date"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def wins(opportunities: pl.DataFrame, by: str = "sales_agent") -> EntityRates:
    return win_rates(opportunities, by, fiscal_year_start_month=1)


def sample(seed: int, signal: float) -> tuple[pl.DataFrame, date]:
    """A generated CRM, and its last day."""
    settings = SampleSource(seed=seed, signal=signal)
    outcomes = World(settings).outcomes(0)
    outcomes = outcomes.take(~outcomes.prospecting)
    is_closed = outcomes.closed < settings.days
    start = np.datetime64(settings.start)
    frame = pl.DataFrame(
        {
            "sales_agent": outcomes.agent.astype(str),
            "product": outcomes.product.astype(str),
            "account": outcomes.account.astype(str),
            "deal_stage": np.where(is_closed, np.where(outcomes.won, "Won", "Lost"), "Engaging"),
            "engage_date": start + outcomes.engaged,
            "close_date": start + np.where(is_closed, outcomes.closed, 0),
        }
    )
    known = pl.when(pl.col("deal_stage") != "Engaging").then("close_date")
    return frame.with_columns(known), settings.start + timedelta(settings.days - 1)


def test_who_closes_in_the_third_month_is_not_the_better_seller() -> None:
    found = wins(
        closed({"Ann": [(50, 50), (0, 0), (160, 40)], "Bob": [(100, 100), (0, 0), (80, 20)]})
    )

    assert found.heterogeneity_p == pytest.approx(1)
    assert found.table["rate"].to_list() == [0.7, 0.6]
    assert found.table["shrunk"].to_list() == pytest.approx([0.65, 0.65])


def test_without_a_difference_nobody_is_ranked() -> None:
    found = wins(closed({"Cid": [(62, 40)], "Ann": [(60, 40)], "Bob": [(55, 42)]}))

    assert not found.ranked
    assert found.tau == 0
    assert found.table["sales_agent"].to_list() == ["Ann", "Bob", "Cid"]
    assert found.table["rank"].null_count() == 3
    assert found.table["shrunk"].n_unique() == 1
    assert found.note == (
        "A ranking of sales_agent by win rate would show noise: given the month of the quarter in "
        f"which they closed, no difference is found (p = {found.heterogeneity_p:.2g})."
    )


def test_a_difference_is_found_and_ranked() -> None:
    found = wins(closed({"Ann": [(50, 50)], "Bob": [(80, 20)], "Cid": [(30, 70)], "Dee": [(4, 1)]}))

    assert found.ranked
    assert found.table["sales_agent"].to_list()[::3] == ["Bob", "Cid"]
    assert found.table["rank"].to_list() == [1, 2, 3, 4]
    assert found.table.select("closed", "won").row(0) == (100, 80)
    assert found.note.startswith("sales_agent differ in win rate, given the month")


def test_the_fewer_opportunities_the_more_a_rate_is_drawn_to_that_of_all() -> None:
    counts = {"Ann": [(50, 50)], "Bob": [(80, 20)], "Cid": [(30, 70)], "Dee": [(4, 1)]}
    table = wins(closed(counts)).table.sort("sales_agent")
    overall = table["won"].sum() / table["closed"].sum()

    drawn = (table["rate"] - table["shrunk"]) / (table["rate"] - overall)

    assert (
        (table["shrunk_low"] < table["shrunk"]) & (table["shrunk"] < table["shrunk_high"])
    ).all()
    assert 0 < drawn[1] < 0.2
    assert drawn[3] > 3 * drawn[1]


def test_many_small_entities_are_compared_by_dealing_out_their_outcomes() -> None:
    alike = closed({f"A{i:03}": [(1 + i % 2, 1)] for i in range(200)})
    unlike = closed({f"A{i:03}": [(3 * (i % 2), 3 - 3 * (i % 2))] for i in range(200)})

    assert wins(alike).heterogeneity_p > 0.5
    assert wins(unlike).heterogeneity_p == 0.001
    assert wins(unlike).ranked


def test_the_order_of_rows_does_not_matter() -> None:
    for opportunities in (
        closed({f"A{i:03}": [(1 + i % 3, 1), (2, 1)] for i in range(80)}),
        closed({"Ann": [(50, 50)], "Bob": [(80, 20)]}),
    ):
        one, other = (
            wins(opportunities),
            wins(opportunities.sample(fraction=1, shuffle=True, seed=1)),
        )

        assert one.heterogeneity_p == pytest.approx(other.heterogeneity_p)
        assert one.table.equals(other.table)


def test_where_there_is_nothing_to_compare_nothing_is_concluded() -> None:
    alone, all_won = closed({"Ann": [(50, 50)]}), closed({"Ann": [(50, 0)], "Bob": [(40, 0)]})

    for opportunities in (alone, all_won, alone.clear()):
        found = wins(opportunities)

        assert (found.heterogeneity_p, found.tau, found.ranked) == (None, None, False)
        assert found.table["shrunk"].null_count() == found.table.height
        assert found.note.endswith("cannot be tested: too few to compare.")


def test_rows_without_the_entity_are_left_out() -> None:
    named = closed({"Ann": [(50, 50)], "Bob": [(80, 20)]})
    unnamed = named.with_columns(sales_agent=pl.lit(None, pl.String))

    assert wins(pl.concat([named, unnamed])).heterogeneity_p == wins(named).heterogeneity_p


def test_a_field_that_is_filled_in_at_close_cannot_tell_who_never_closes() -> None:
    opportunities, as_of = sample(seed=1, signal=0)
    at_close = pl.when(pl.col("close_date").is_not_null()).then("account")

    found = never_closes(opportunities.with_columns(at_close), "account", as_of=as_of)

    assert found.heterogeneity_p is None
    assert "account is blank on 100% of those open and 0% of the others" in found.note


def test_only_who_could_have_closed_is_asked_whether_it_never_closes() -> None:
    day = date(2024, 6, 1)
    rows = [
        ("before the first close", day - timedelta(1), None),
        ("closed", day, day),
        ("the oldest closed", day, day + timedelta(30)),
        ("never closed", day, None),
        ("as old as the oldest", AS_OF - timedelta(30), None),
        ("older", AS_OF - timedelta(31), None),
        ("closes later", day, AS_OF + timedelta(1)),
    ]
    opportunities = pl.DataFrame(
        rows, schema=["sales_agent", "engage_date", "close_date"], orient="row"
    )

    table = never_closes(opportunities, "sales_agent", as_of=AS_OF).table

    assert dict(table.select("sales_agent", "open").rows()) == {
        "closed": 0,
        "closes later": 1,
        "never closed": 1,
        "older": 1,
        "the oldest closed": 0,
    }


def test_where_nothing_closed_nobody_can_be_said_to_never_close() -> None:
    opportunities = closed({"Ann": [(5, 5)]}).with_columns(close_date=pl.lit(None, pl.Date))

    assert never_closes(opportunities, "sales_agent", as_of=AS_OF).table.is_empty()


def test_in_a_generated_crm_agents_differ_in_what_never_closes_and_products_do_not() -> None:
    opportunities, as_of = sample(seed=5, signal=0)

    agents = never_closes(opportunities, "sales_agent", as_of=as_of)

    assert agents.heterogeneity_p < 1e-9
    # The spread that is in the generator.
    assert agents.tau == pytest.approx(0.4, abs=0.15)
    assert agents.table["rank"].to_list()[:2] == [1, 2]
    assert not never_closes(opportunities, "product", as_of=as_of).ranked


@pytest.mark.parametrize("by", ["sales_agent", "product", "account"])
def test_in_a_generated_crm_win_rates_differ_where_there_is_signal_only(by: str) -> None:
    assert not wins(sample(seed=5, signal=0)[0], by).ranked
    assert wins(sample(seed=5, signal=2)[0], by).heterogeneity_p < 1e-9


@pytest.mark.slow
def test_who_does_not_differ_is_ranked_in_one_case_of_a_hundred() -> None:
    found = [
        [wins(opportunities, by).ranked for by in ("sales_agent", "product", "account")]
        for opportunities, _ in (sample(seed, signal=0) for seed in range(300))
    ]

    # 3 expected of each; the chance of more than 9 is 1 in 1,000.
    assert np.sum(found, axis=0).max() <= 9
    assert 2 <= np.sum(found) <= 20


@pytest.mark.slow
def test_who_differs_much_is_always_ranked() -> None:
    for seed in range(30):
        opportunities, as_of = sample(seed, signal=2)
        assert all(wins(opportunities, by).ranked for by in ("sales_agent", "product", "account"))
        assert never_closes(opportunities, "sales_agent", as_of=as_of).ranked


@pytest.mark.slow
def test_small_entities_that_do_not_differ_are_ranked_in_one_case_of_a_hundred() -> None:
    rng = np.random.default_rng(0)
    ranked = 0
    for _ in range(200):
        counts = rng.binomial(4, 0.85, (150, 2))
        agents = {
            f"A{i}": [(int(a), 4 - int(a)), (int(b), 4 - int(b))] for i, (a, b) in enumerate(counts)
        }
        ranked += wins(closed(agents)).ranked

    assert ranked <= 7


@pytest.mark.slow
@pytest.mark.parametrize("sd", [0.1, 0.5])
def test_the_interval_of_a_shrunk_rate_holds_the_true_one(sd: float) -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(100):
        true = 1 / (1 + np.exp(-rng.normal(0.5, sd, 25)))
        rows = rng.integers(20, 200, 25)
        won = rng.binomial(rows, true)
        agents = {
            f"A{i:02}": [(int(w), int(n - w))]
            for i, (w, n) in enumerate(zip(won, rows, strict=True))
        }
        table = wins(closed(agents)).table.sort("sales_agent")
        held += [
            *table["shrunk_low"].le(pl.Series(true)) & table["shrunk_high"].ge(pl.Series(true))
        ]

    assert np.mean(held) >= 0.93


@pytest.mark.parametrize(
    ("by", "p_value"),
    [("sales_agent", 0.195), ("product", 0.198), ("account", 0.892), ("sector", 0.843)],
)
def test_on_the_public_data_nobody_wins_more_often_than_by_chance(
    real_tables: CrmTables, real_data: Path, by: str, p_value: float
) -> None:
    sectors = pl.read_csv(real_data / "accounts.csv").select("account", "sector")
    opportunities = real_tables.opportunities.collect().join(sectors, on="account", how="left")

    found = wins(opportunities, by)

    assert found.heterogeneity_p == pytest.approx(p_value, abs=0.002)
    assert not found.ranked


def test_on_the_public_data_agents_differ_in_what_never_closes(real_tables: CrmTables) -> None:
    opportunities = real_tables.opportunities.collect()

    agents = never_closes(opportunities, "sales_agent", as_of=REAL_AS_OF)

    assert agents.heterogeneity_p < 1e-20
    assert agents.table.tail(3)["open"].to_list() == [0, 0, 0]
    assert not never_closes(opportunities, "product", as_of=REAL_AS_OF).ranked
    assert never_closes(opportunities, "account", as_of=REAL_AS_OF).heterogeneity_p is None
