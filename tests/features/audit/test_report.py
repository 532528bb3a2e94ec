import json
from dataclasses import replace

import pytest

from dealcast.contracts import LeakAudit
from dealcast.errors import LeakError
from dealcast.features.audit import AuditRecord, AuditReport


def record(feature: str, outcome: str = "failed", test: str = "LK2_alone") -> AuditRecord:
    return AuditRecord(feature, "g", test, "title", 0.99, 0.85, outcome, "a note", "leave it out")


REPORT = AuditReport(
    (
        record("close_month"),
        record("close_month", test="LK4_filled_at_close"),
        record("age_days", "passed"),
        record("list", "not applicable"),
        record("deal_stage", "banned", "LK0_banned"),
    )
)


def test_failed_and_banned_features_are_excluded_and_named_with_their_tests() -> None:
    assert REPORT.excluded == {"close_month", "deal_stage"}
    assert REPORT.leaks == {"close_month": ("LK2", "LK4")}
    assert REPORT.summary == (
        "1 of 3 features leak: close_month (LK2, LK4); 1 could not be tested; "
        "1 banned by declaration"
    )


def test_an_allowed_leak_is_overridden_and_its_reason_recorded() -> None:
    allowed = REPORT.allowing({"close_month": "known in advance: fixed contract ends"})

    assert not allowed.failed
    assert allowed.excluded == {"deal_stage"}
    assert [r.note for r in allowed.overridden] == [
        "allowed: known in advance: fixed contract ends (a note)"
    ] * 2
    assert "1 allowed all the same (close_month)" in allowed.summary


@pytest.mark.parametrize(
    ("name", "problem", "remedy"),
    [
        ("close_mnth", "no audited feature", "did you mean 'close_month'?"),
        ("xyz", "no audited feature", "take it out"),
        ("deal_stage", "is banned", "never built"),
    ],
)
def test_allowing_what_is_unknown_or_banned_is_refused(name, problem, remedy) -> None:
    with pytest.raises(LeakError) as refused:
        REPORT.allowing({name: "because"})

    assert problem in refused.value.problem
    assert remedy in refused.value.remedy


def test_a_report_survives_json_and_is_a_table_of_its_contract() -> None:
    content = json.loads(json.dumps(REPORT.to_dict()))

    assert AuditReport.from_dict(content) == REPORT
    assert content["excluded"] == ["close_month", "deal_stage"]
    assert LeakAudit.is_valid(REPORT.to_frame())
    assert AuditReport(()).to_frame().is_empty()


def test_a_report_on_a_sample_says_so_whatever_is_done_with_it() -> None:
    sampled = replace(REPORT, judged_on="Judged on a sample.")

    for report in (
        sampled.allowing({}),
        sampled.together_with(REPORT),
        sampled.or_else(REPORT),
        AuditReport.from_dict(sampled.to_dict()),
    ):
        assert report.judged_on == "Judged on a sample."
        assert report.summary.endswith("banned by declaration. Judged on a sample.")
