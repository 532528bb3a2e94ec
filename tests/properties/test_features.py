"""The future, the order of the rows and strangers do not change what was known on a date."""

from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dealcast.contracts import CrmTables, Snapshots
from dealcast.features.build import build_features, feature_contract
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.columns import Lens
from dealcast.features.spec import Leak
from dealcast.snapshots import as_known_on, build_snapshots

KEY = ["opportunity_id", "snapshot_date"]
START = date(2017, 1, 30)
DAYS = 80
AS_OF = START + timedelta(DAYS)
DATES = [START + timedelta(d) for d in range(0, DAYS + 1, 20)]
# The other entities take the path of the agents; leaving them out keeps this quick.
SPECS = [
    s
    for s in CATALOGUE
    if s.leak is not Leak.BANNED and (s.lens is Lens.ROW or s.entity in {"sales_agent", "everyone"})
]
PRODUCTS = pl.DataFrame({"product": ["X"], "series": ["S"], "sales_price": [90.0]})

few = settings(max_examples=8, deadline=None)


def near_a_date(first: int) -> st.SearchStrategy[int]:
    """Days on, just before or just after a snapshot date: where it is decided what was known."""
    return st.builds(lambda k, off: 20 * k + off, st.integers(first, 4), st.integers(-1, 1))


@st.composite
def exports(draw: st.DrawFn) -> CrmTables:
    """4 to 25 opportunities over 80 days; closes also after as_of, blanks among the keys."""
    rows = []
    for i in range(draw(st.integers(4, 25))):
        engaged = draw(st.none() | near_a_date(-1))
        closed = None if engaged is None else draw(st.none() | near_a_date(0))
        cycle = None if closed is None or closed < engaged else closed - engaged
        won = draw(st.booleans())
        value = draw(st.integers(1, 100_000)) / 100
        rows.append(
            {
                "opportunity_id": f"o{i}",
                "sales_agent": draw(st.sampled_from(["Ann", "Bob", None])),
                "product": draw(st.sampled_from(["X", "unlisted", None])),
                "account": draw(st.sampled_from(["Acme", None])),
                "deal_stage": stage(engaged, cycle, won=won),
                "engage_date": None if engaged is None else START + timedelta(engaged),
                "close_date": None if cycle is None else START + timedelta(engaged + cycle),
                "close_value": None if cycle is None else value * won,
            }
        )
    schema = {
        **dict.fromkeys(("opportunity_id", "sales_agent", "product", "account"), pl.String),
        "deal_stage": pl.String,
        "engage_date": pl.Date,
        "close_date": pl.Date,
        "close_value": pl.Float64,
    }
    return CrmTables.validate(
        {"opportunities": pl.DataFrame(rows, schema), "products": PRODUCTS}, cast=True
    )


def stage(engaged: int | None, cycle: int | None, *, won: bool) -> str:
    if cycle is not None:
        return "Won" if won else "Lost"
    return "Prospecting" if engaged is None else "Engaging"


def features_of(snapshots: pl.LazyFrame, tables: CrmTables) -> pl.DataFrame:
    return build_features(snapshots, tables, SPECS, fiscal_year_start_month=2).collect().sort(KEY)


@settings(max_examples=25, deadline=None)
@given(exports(), st.sampled_from(DATES))
def test_the_future_does_not_matter(tables: CrmTables, day: date) -> None:
    snapshots = build_snapshots(tables.opportunities, [day], as_of=AS_OF)
    known = as_known_on(tables, day)

    with_future = features_of(snapshots, tables)
    without = features_of(build_snapshots(known.opportunities, [day], as_of=day), known)

    # Sums are of whole units, so that not even the last bit may differ.
    assert_frame_equal(with_future, without, check_exact=True)


@few
@given(exports(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(tables: CrmTables, order) -> None:
    opportunities = tables.opportunities.collect()
    positions = list(range(opportunities.height))
    order.shuffle(positions)
    shuffled = CrmTables.cast(
        {**tables.to_dict(), "opportunities": opportunities[positions].lazy()}
    )

    before = features_of(build_snapshots(tables.opportunities, DATES, as_of=AS_OF), tables)
    after = features_of(build_snapshots(shuffled.opportunities, DATES, as_of=AS_OF), shuffled)

    assert_frame_equal(before, after, check_exact=True)


@few
@given(exports())
def test_features_keep_their_contract_and_parts_do_not_exceed_the_whole(tables: CrmTables) -> None:
    features = features_of(build_snapshots(tables.opportunities, DATES, as_of=AS_OF), tables)

    assert feature_contract(SPECS).is_valid(features)
    for part, whole in (
        ("agent_won_count", "agent_closed_count"),
        ("agent_new_28d", "agent_open_count"),
        ("agent_open_count", "overall_open_count"),
        ("overall_closed_7d", "overall_closed_30d"),
    ):
        assert (features[part] <= features[whole]).all()
    assert (features["agent_open_count"] >= 1).all()


@settings(max_examples=100, deadline=None)
@given(exports(), st.lists(st.sampled_from(DATES), max_size=4))
def test_snapshots_are_who_was_open_by_the_definition(tables: CrmTables, dates: list[date]) -> None:
    snapshots = build_snapshots(tables.opportunities, dates, as_of=AS_OF).collect()

    was_open = {
        (row["opportunity_id"], day)
        for row in tables.opportunities.collect().to_dicts()
        for day in dates
        if row["engage_date"]
        and row["engage_date"] <= day
        and not (row["close_date"] and row["close_date"] <= day)
    }
    assert set(snapshots.select(KEY).iter_rows()) == was_open
    assert Snapshots.is_valid(snapshots)
    late = snapshots.filter(
        pl.col("snapshot_date") + pl.duration(days=pl.col("days_to_close")) > AS_OF
    )
    assert late.height == 0


@settings(max_examples=50, deadline=None)
@given(exports(), st.sampled_from(DATES), st.sampled_from(DATES))
def test_what_was_known_twice_is_what_was_known_on_the_earlier_day(
    tables: CrmTables, one: date, other: date
) -> None:
    twice = as_known_on(as_known_on(tables, one), other).opportunities.collect()
    once = as_known_on(tables, min(one, other)).opportunities.collect()

    assert_frame_equal(twice, once)
