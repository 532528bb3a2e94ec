from datetime import date, timedelta

import pytest

from dealcast.errors import ModelError
from dealcast.modeling.splits import LATEST_ORIGINS, matured_until, rolling_origins

MONDAYS = [date(2017, 3, 6) + timedelta(weeks=n) for n in range(43)]
FIRST_CLOSE, LAST_DAY = date(2017, 3, 1), date(2017, 12, 31)


def test_origins_of_the_real_calendar_run_from_june_to_november() -> None:
    folds = rolling_origins(
        MONDAYS,
        history_from=FIRST_CLOSE,
        first_after_days=90,
        horizons_days=(90, 30),
        as_of=LAST_DAY,
    )

    assert [f.origin for f in folds] == [date(2017, m, 1) for m in range(6, 12)]
    assert [len(f.test_dates[30]) for f in folds] == [4, 5, 4, 4, 5, 4]
    assert [len(f.test_dates[90]) for f in folds] == [4, 5, 4, 4, 1, 0]


@pytest.mark.parametrize("horizon", [30, 90])
def test_test_dates_are_after_the_origin_and_their_outcome_is_known(horizon: int) -> None:
    folds = rolling_origins(
        MONDAYS,
        history_from=FIRST_CLOSE,
        first_after_days=90,
        horizons_days=(30, 90),
        as_of=LAST_DAY,
    )

    tested = [d for f in folds for d in f.test_dates[horizon]]
    assert len(tested) == len(set(tested))
    for fold in folds:
        assert fold.known_until == fold.origin - timedelta(1)
        assert matured_until(fold.known_until, horizon) + timedelta(horizon + 1) == fold.origin
        for day in fold.test_dates[horizon]:
            assert fold.origin <= day <= LAST_DAY - timedelta(horizon)


def test_a_long_history_is_tested_on_its_latest_year() -> None:
    weekly = [date(2014, 1, 6) + timedelta(weeks=n) for n in range(260)]

    folds = rolling_origins(
        weekly,
        history_from=weekly[0],
        first_after_days=90,
        horizons_days=(30,),
        as_of=date(2018, 12, 31),
    )

    assert len(folds) == LATEST_ORIGINS
    assert folds[-1].origin == date(2018, 11, 1)


def test_too_short_a_history_is_refused_with_what_it_takes() -> None:
    with pytest.raises(ModelError) as refusal:
        rolling_origins(
            MONDAYS,
            history_from=FIRST_CLOSE,
            first_after_days=90,
            horizons_days=(60, 30),
            as_of=date(2017, 6, 30),
        )

    assert "from 2017-03-01 to 2017-06-30 (121 days) is too short" in refusal.value.problem
    assert "90 days to learn from" in refusal.value.problem
    assert "151 days or more" in refusal.value.remedy
