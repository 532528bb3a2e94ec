"""Small worlds of opportunities to learn from."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import Opportunities
from dealcast.modeling.estimators import ESTIMATORS, Context
from dealcast.modeling.history import known_by
from dealcast.modeling.traits import ENTITIES, traits_of
from dealcast.settings import FeatureSettings, ModelSettings, SampleSource
from dealcast.snapshots import build_snapshots, day_number, snapshot_dates
from dealcast.sources.sample import Outcomes, World
from dealcast.sources.sample.company import ACCOUNTS, AGENTS, PRODUCTS

Row = tuple[str, date | None, date | None]
Opportunity = Callable[[Iterable[Row]], pl.DataFrame]

START = date(2024, 1, 1)
REAL_AS_OF = date(2017, 12, 31)


def _opportunities(rows: Iterable[Row], *, agents: Sequence[str | None] = ("Ann",)) -> pl.DataFrame:
    """(stage, engage date, close date) -> the contract Opportunities, ids O0, O1, …

    The agents take turns.
    """
    stages, engaged, closed = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "opportunity_id": [f"O{i}" for i in range(len(stages))],
            "sales_agent": [agents[i % len(agents)] for i in range(len(stages))],
            "product": "Alpha",
            "account": None,
            "deal_stage": stages,
            "engage_date": engaged,
            "close_date": closed,
            "close_value": [{"Won": 90.0, "Lost": 0.0}.get(s) for s in stages],
        },
        schema={n: c.dtype for n, c in Opportunities.columns().items()},
    )


@pytest.fixture(scope="session")
def opportunities_of() -> Opportunity:
    """Makes opportunities of (stage, engage date, close date)."""
    return _opportunities


@pytest.fixture(scope="session")
def steady() -> pl.DataFrame:
    """10,000 opportunities, each won on 1 day in 50 and lost on 1 in 100, whatever age and day."""
    rng = np.random.default_rng(1)
    count, days = 10_000, 300
    engaged = rng.integers(0, days, count)
    closed = engaged + rng.geometric(0.03, count)
    stage = np.where(rng.random(count) < 2 / 3, "Won", "Lost")
    still_open = closed >= days
    return _opportunities(
        (
            "Engaging" if o else str(s),
            START + timedelta(int(e)),
            None if o else START + timedelta(int(c)),
        )
        for o, s, e, c in zip(still_open, stage, engaged, closed, strict=True)
    )


@pytest.fixture(scope="session")
def steady_until() -> date:
    """The last day of `steady`."""
    return START + timedelta(days=299)


@pytest.fixture(scope="session")
def snapshots_of() -> Callable[[pl.DataFrame, date], pl.DataFrame]:
    """Makes the weekly snapshots of opportunities until a day."""

    def make(opportunities: pl.DataFrame, as_of: date) -> pl.DataFrame:
        lazy = opportunities.lazy()
        dates = snapshot_dates(lazy, FeatureSettings(), as_of=as_of)
        return build_snapshots(lazy, dates, as_of=as_of).collect()

    return make


@pytest.fixture(scope="session")
def sample_of() -> Callable[..., pl.DataFrame]:
    """Makes the opportunities of a sample: sample_of(count, signal, calendar=1)."""
    return _sample


@pytest.fixture(scope="session")
def rehearsed() -> Callable[..., pl.DataFrame]:
    """Predicts those open on past days of a sample, beside their true chance to be won in 30 days.

    rehearsed(count, signal, names of estimators, days before the end): columns `truth`, `won` and
    one per estimator.
    """
    return cache(_rehearsed)


def _world(count: int, signal: float, calendar: float = 1) -> tuple[World, Outcomes]:
    world = World(SampleSource(opportunities=count, signal=signal, calendar=calendar, dirt=0))
    drawn = world.outcomes(0)
    return world, drawn.take(~drawn.prospecting)


def _sample(count: int, signal: float, calendar: float = 1) -> pl.DataFrame:
    world, outcomes = _world(count, signal, calendar)
    start, closes = world.settings.start, outcomes.closed < world.settings.days
    closed = np.where(closes, outcomes.closed, 0)
    day = {n: pl.lit(start) + pl.duration(days=n) for n in ("engage_date", "close_date")}
    return pl.DataFrame(
        {
            "opportunity_id": [f"{row:08}" for row in outcomes.row],
            "sales_agent": np.array(AGENTS)[outcomes.agent],
            "product": np.array([product.name for product in PRODUCTS])[outcomes.product],
            "account": np.array(ACCOUNTS)[outcomes.account],
            "deal_stage": np.where(closes, np.where(outcomes.won, "Won", "Lost"), "Engaging"),
            "engage_date": outcomes.engaged,
            "close_date": pl.Series(closed).set(pl.Series(~closes), None),
        }
    ).with_columns(**day)


def _rehearsed(
    count: int, signal: float, names: tuple[str, ...], days_before_end: tuple[int, ...]
) -> pl.DataFrame:
    world, outcomes = _world(count, signal)
    opportunities = _sample(count, signal)
    last = world.settings.days - 1
    context = Context(ModelSettings(), entities=ENTITIES)
    parts = []
    for today in (last - back for back in days_before_end):
        as_of = world.settings.start + timedelta(days=today)
        history = known_by(opportunities, as_of)
        at = np.flatnonzero((outcomes.engaged <= today) & (outcomes.closed > today))
        open_now = outcomes.take(at)
        truth, _ = world.truth(open_now, today - open_now.engaged, 30)
        traits, days = traits_of(opportunities[at]), np.full(len(at), day_number(as_of))
        parts.append(
            pl.DataFrame(
                {"truth": truth, "won": open_now.won & (open_now.closed <= today + 30)}
                | {
                    name: ESTIMATORS[name]
                    .fit(history, context)
                    .incidence(traits, days, (30,))
                    .won[:, 0]
                    for name in names
                }
            )
        )
    return pl.concat(parts)
