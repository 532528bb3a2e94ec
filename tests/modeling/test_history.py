from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.errors import ModelError
from dealcast.modeling.history import History, Once, known_by, once_each
from dealcast.snapshots import day_number

Opportunity = Callable[..., pl.DataFrame]
Counted = dict[tuple[int, int], tuple[int, int, int]]

DAY = date(2024, 3, 1)


def counted(history: History) -> Counted:
    """(age, day) -> person-days at risk, won, lost."""
    days = history.person_days
    return {
        (int(age), int(day)): (int(n), int(won), int(lost))
        for age, day, n, won, lost in zip(days.age, days.day, *days.counts, strict=True)
    }


def counted_by_loop(opportunities: pl.DataFrame, until: date) -> Counted:
    rows = opportunities.select("deal_stage", "engage_date", "close_date").rows()
    first = min(c for _, _, c in rows if c is not None and c <= until)
    counts: dict[tuple[int, int], list[int]] = {}
    for stage, engaged, closed in rows:
        if engaged is None:
            continue
        day = max(engaged + timedelta(1), first)
        while day <= until and (closed is None or day <= closed):
            cell = counts.setdefault(((day - engaged).days, day_number(day)), [0, 0, 0])
            cell[0] += 1
            cell[1] += day == closed and stage == "Won"
            cell[2] += day == closed and stage == "Lost"
            day += timedelta(1)
    return {key: (n, won, lost) for key, (n, won, lost) in counts.items()}


def test_person_days_are_those_of_a_loop(opportunities_of: Opportunity) -> None:
    rng = np.random.default_rng(5)
    stages = rng.choice(["Won", "Lost", "Engaging", "Prospecting"], 200)
    engaged = [DAY + timedelta(int(n)) for n in rng.integers(0, 90, 200)]
    opportunities = opportunities_of(
        (
            str(stage),
            None if stage == "Prospecting" else day,
            day + timedelta(int(rng.integers(0, 70))) if stage in ("Won", "Lost") else None,
        )
        for stage, day in zip(stages, engaged, strict=True)
    )
    until = DAY + timedelta(days=80)

    assert counted(known_by(opportunities, until)) == counted_by_loop(opportunities, until)


def test_nobody_is_at_risk_before_the_first_close(opportunities_of: Opportunity) -> None:
    opportunities = opportunities_of(
        [("Won", DAY, DAY + timedelta(30)), ("Engaging", DAY + timedelta(5), None)]
    )

    history = known_by(opportunities, DAY + timedelta(31))

    first = day_number(DAY) + 30
    assert counted(history) == {
        (30, first): (1, 1, 0),
        (25, first): (1, 0, 0),
        (26, first + 1): (1, 0, 0),
    }


def test_what_happens_later_changes_nothing(opportunities_of: Opportunity) -> None:
    until = DAY + timedelta(20)
    before = [("Lost", DAY, DAY + timedelta(9)), ("Won", DAY, until)]
    as_it_came = opportunities_of(
        [
            *before,
            ("Won", DAY, until + timedelta(1)),
            ("Lost", until + timedelta(1), until + timedelta(5)),
        ]
    )
    erased = opportunities_of(
        [*before, ("Engaging", DAY, None), ("Engaging", until + timedelta(1), None)]
    )

    assert counted(known_by(as_it_came, until)) == counted(known_by(erased, until))


def test_weights_count_in_the_person_days_of_their_own_opportunity(
    opportunities_of: Opportunity,
) -> None:
    opportunities = opportunities_of(
        [
            ("Won", DAY, DAY + timedelta(1)),
            ("Lost", DAY, DAY + timedelta(3)),
            ("Won", DAY + timedelta(1), DAY + timedelta(1)),
            ("Engaging", DAY + timedelta(1), None),
        ]
    )
    days = known_by(opportunities, DAY + timedelta(3)).person_days

    found = days.at_risk(np.array([1.0, 0.5, 0.25]))

    first = day_number(DAY)
    assert dict(zip(zip(days.age, days.day - first, strict=True), found, strict=True)) == {
        (1, 1): 1.5,
        (2, 2): 0.5,
        (3, 3): 0.5,
        (1, 2): 0.25,
        (2, 3): 0.25,
    }


def test_a_first_close_on_its_first_day_still_opens_the_window(
    opportunities_of: Opportunity,
) -> None:
    opportunities = opportunities_of(
        [("Won", DAY, DAY), ("Won", DAY - timedelta(9), DAY + timedelta(5))]
    )

    seen = known_by(opportunities, DAY + timedelta(9)).at_risk

    first = day_number(DAY)
    assert len(seen.closed) == 1
    assert seen.first_close == first
    assert seen.entered.tolist() == [first - 1]


def test_where_all_closed_on_their_first_day_nobody_was_at_risk(
    opportunities_of: Opportunity,
) -> None:
    history = known_by(opportunities_of([("Won", DAY, DAY)] * 3), DAY + timedelta(9))

    assert len(history.at_risk.traits) == 0
    assert history.at_risk.entered.shape == (0,)


def test_the_order_of_rows_does_not_matter(steady: pl.DataFrame, steady_until: date) -> None:
    one_way = known_by(steady, steady_until)
    other_way = known_by(steady.sample(fraction=1, shuffle=True, seed=1), steady_until)

    assert np.array_equal(one_way.engaged, other_way.engaged)
    assert np.array_equal(one_way.closed, other_way.closed)
    assert np.array_equal(one_way.won, other_way.won)


@pytest.mark.parametrize(
    "close", [None, DAY, DAY + timedelta(40)], ids=["none", "on its first day", "later"]
)
def test_a_history_without_a_close_is_refused(
    opportunities_of: Opportunity, close: date | None
) -> None:
    opportunities = opportunities_of([("Won" if close else "Engaging", DAY, close)])

    with pytest.raises(ModelError, match=r"No opportunity had closed .* by 2024-03-11"):
        _ = known_by(opportunities, DAY + timedelta(10)).person_days


def test_of_several_only_what_is_lacking_is_made() -> None:
    keepers = [Once(), Once(), Once()]
    keepers[1].once("name", lambda: "kept")

    found = once_each(keepers, "name", lambda lacking: [f"made of {len(lacking)}" for _ in lacking])

    assert found == ["made of 2", "kept", "made of 2"]
    assert keepers[0].once("name", lambda: "never made") == "made of 2"
    assert once_each(keepers, "name", lambda _lacking: []) == found
