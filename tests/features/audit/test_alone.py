import random
from dataclasses import replace

import polars as pl
import pytest

from dealcast.features.audit.alone import feature_alone, group_alone, target_in_disguise
from dealcast.features.audit.candidates import Audited
from dealcast.features.audit.facts import Label
from dealcast.features.audit.spec import Finding, NotApplicable
from dealcast.settings.tree import AuditSettings

N = 800
WON = [i % 2 for i in range(N)]
DRAW = random.Random(3)
NOISE = [DRAW.random() for _ in range(N)]
SHUFFLED = [f"code {2 * DRAW.randrange(5) + won}" for won in WON]
NOISY = [won if noise > 0.05 else 1 - won for won, noise in zip(WON, NOISE, strict=True)]
PRESENT = [noise if won else None for won, noise in zip(WON, NOISE, strict=True)]
ENGAGED = [DRAW.uniform(0, 100) for _ in range(N)]
CLOSED = [day + 30 * won for day, won in zip(ENGAGED, WON, strict=True)]


@pytest.mark.parametrize(
    ("values", "alone", "disguise"),
    [
        (WON, True, True),
        ([1 - won for won in WON], True, True),
        (SHUFFLED, True, True),
        (PRESENT, True, True),
        (NOISY, True, False),
        (NOISE, False, False),
        ([None] * N, False, False),
    ],
)
def test_a_copy_is_found_under_any_code_and_noise_is_not(audited, values, alone, disguise) -> None:
    ask = audited({"x": values})

    assert feature_alone(ask)["x"].leaks is alone
    assert target_in_disguise(ask)["x"].leaks is disguise


def test_two_dates_that_give_the_outcome_away_only_together_are_found(audited) -> None:
    ask = audited({"engaged": ENGAGED, "closed": CLOSED, "noise": NOISE})

    assert not any(finding.leaks for finding in feature_alone(ask).values())
    assert all(finding.leaks for finding in group_alone(ask).values())


def test_a_group_is_tried_without_what_failed_alone(audited) -> None:
    ask = audited({"copy": WON, "noise": NOISE, "half": ENGAGED}, suspects=frozenset({"copy"}))

    found = group_alone(ask)

    assert found["copy"] == NotApplicable("it failed alone")
    assert isinstance(found["noise"], Finding)
    assert not found["noise"].leaks


def test_a_group_of_one_and_a_list_are_not_applicable(audited) -> None:
    ask = audited({"noise": NOISE, "list": [[1]] * N})

    assert isinstance(group_alone(ask)["noise"], NotApplicable)
    assert isinstance(feature_alone(ask)["list"], NotApplicable)


def test_without_both_outcomes_nothing_can_be_said(audited) -> None:
    ask = audited({"x": NOISE, "y": ENGAGED}, won=[1] * N)

    for ask_one in (feature_alone, target_in_disguise, group_alone):
        assert all(isinstance(f, NotApplicable) for f in ask_one(ask).values())


def test_where_only_a_label_about_time_has_enough_rows_no_disguise_is_looked_for(audited) -> None:
    few = audited({"x": NOISE}, won=[int(i < 20) for i in range(N)]).candidates
    facts = few.facts.with_columns(closed=pl.Series(WON))
    labels = (*few.labels, Label("closed", "closed", is_about_time=True))
    ask = Audited(replace(few, facts=facts, labels=labels), AuditSettings(), 0, frozenset())

    assert isinstance(feature_alone(ask)["x"], Finding)
    assert isinstance(target_in_disguise(ask)["x"], NotApplicable)
