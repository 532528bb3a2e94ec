from datetime import date

import pytest

from dealcast.errors import LeakError
from dealcast.features.audit import TESTS, audit_catalogue
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.spec import Leak
from dealcast.settings.tree import AuditSettings
from dealcast.snapshots import build_snapshots

BANNED = {spec.name for spec in CATALOGUE if spec.leak is Leak.BANNED}


def audited(generated, specs=CATALOGUE, settings=None):
    tables, snapshots, as_of = generated
    return audit_catalogue(
        tables,
        snapshots,
        specs,
        as_of=as_of,
        settings=settings or AuditSettings(),
        horizon_days=30,
    )


def test_the_catalogue_passes_and_its_banned_features_are_excluded(generated) -> None:
    report = audited(generated(signal=3.0))

    assert not report.failed
    assert report.excluded == BANNED
    assert {r.test for r in report.records if r.outcome == "passed"} == {t.code for t in TESTS}
    assert {r.feature for r in report.records} == {spec.name for spec in CATALOGUE}


def test_the_same_seed_gives_the_same_report(generated) -> None:
    few = [spec for spec in CATALOGUE if spec.entity == "opportunity"]
    small = AuditSettings(max_rows=2_000)

    first, second = (audited(generated(), few, small) for _ in range(2))

    assert first == second


def test_a_leak_in_the_catalogue_fails_unless_it_is_allowed(generated) -> None:
    # At so low a limit an honest feature fails as a leak would.
    agent = next(spec for spec in CATALOGUE if spec.name == "agent_won_count")
    settings = AuditSettings(max_auc_alone=0.51, allow={"agent_won_count": "a trial"})

    report = audited(generated(signal=3.0), [agent], settings)

    assert [r.test for r in report.overridden] == ["LK2_alone"]
    assert not report.excluded


def test_allowing_an_unknown_feature_is_an_error(generated) -> None:
    age = [spec for spec in CATALOGUE if spec.name == "age_days"]

    with pytest.raises(LeakError, match="did you mean 'age_days'"):
        audited(generated(), age, AuditSettings(allow={"age_day": "typo"}))


def test_a_feature_that_the_export_has_no_data_for_is_not_audited(generated) -> None:
    tables, snapshots, as_of = generated()
    bare = tables.cast({"opportunities": tables.opportunities})

    report = audited((bare, snapshots, as_of), [s for s in CATALOGUE if s.entity == "product"])

    assert "list_price" not in {r.feature for r in report.records}


def test_an_export_without_snapshots_is_not_applicable(crm) -> None:
    tables = crm([])
    snapshots = build_snapshots(tables.opportunities, [], as_of=date(2017, 1, 1)).collect()
    age = [spec for spec in CATALOGUE if spec.name == "age_days"]

    report = audited((tables, snapshots, date(2017, 1, 1)), age)

    assert {r.outcome for r in report.records} <= {"not applicable"}


@pytest.mark.slow
@pytest.mark.parametrize("signal", [0.0, 1.0, 2.0, 3.0])
def test_no_honest_catalogue_raises_an_alarm(generated, signal: float) -> None:
    alarms = {}
    for seed in range(20):
        report = audited(generated(seed=seed, signal=signal))
        alarms |= {(seed, name): tests for name, tests in report.leaks.items()}

    assert alarms == {}
