import re
from importlib.metadata import requires

import pytest

from dealcast.orchestration.doctor import Outcome
from dealcast.orchestration.doctor.packages import BOUND, Requirement, judged, requirements

LINES = [
    "polars>=2.1",
    "mlflow<3.18,>=3.17.2; extra == 'mlflow'",
    "prefect<3.10,>=3.9.1; extra == 'prefect'",
    "sqlalchemy<2.1,>=2.0.44; extra == 'prefect'",
    "psycopg[binary]>=3.2; extra == 'sql'",
    "supervisor>=4.3; (sys_platform != 'win32') and extra == 'stack'",
]
GOOD = {
    "polars": "2.1.0",
    "mlflow": "3.17.2",
    "prefect": "3.9.1",
    "sqlalchemy": "2.0.58",
    "fastapi": "0.150.1",
    "psycopg": "3.3.1",
    "supervisor": "4.3.0",
}


def test_requirements_are_read_from_metadata_and_prefect_asks_for_more() -> None:
    found = list(requirements(LINES))

    assert found[4] == Requirement("psycopg", ">=3.2", "sql")
    assert found[5] == Requirement("supervisor", ">=4.3", "stack")
    fastapi = next(r for r in found if r.package == "fastapi")
    assert "<0.151" in fastapi.versions
    assert fastapi.because


def test_every_requirement_of_ours_is_one_that_can_be_judged() -> None:
    for line in requires("dealcast") or ():
        name, _, rest = line.partition(";")[0].partition(">")
        assert name
        assert not re.sub(BOUND, "", (">" + rest if rest else "")).strip(" ,"), line


def test_tested_versions_are_in_order() -> None:
    finding = judged(list(requirements(LINES)), dict(GOOD))

    assert finding.outcome == Outcome.OK
    assert finding.found.startswith("7 packages are within the tested ranges")
    assert "mlflow, prefect, sql, stack" in finding.found


@pytest.mark.parametrize(
    ("change", "told", "remedy"),
    [
        ({"sqlalchemy": "2.1.0"}, "sqlalchemy 2.1.0", "sqlalchemy<2.1,>=2.0.44"),
        ({"sqlalchemy": "2.1.0b1"}, "sqlalchemy 2.1.0b1", "sqlalchemy<2.1,>=2.0.44"),
        ({"fastapi": "0.151.0"}, "refuses deployments", "fastapi>="),
        ({"mlflow": "3.18.0"}, "mlflow 3.18.0", "mlflow<3.18,>=3.17.2"),
        ({"prefect": "3.8.8"}, "prefect 3.8.8", "prefect<3.10,>=3.9.1"),
        ({"polars": "1.9"}, "polars 1.9 (tested: >=2.1)", "polars>=2.1"),
        ({"polars": None}, "polars is not installed", "polars>=2.1"),
    ],
)
def test_a_version_that_is_not_tested_is_named_with_the_line_that_installs_one(
    change: dict[str, str | None], told: str, remedy: str
) -> None:
    finding = judged(list(requirements(LINES)), GOOD | change)

    assert finding.outcome == Outcome.FAILED
    assert told in finding.found
    assert finding.remedy.startswith("uv pip install '")
    assert remedy in finding.remedy


def test_an_extra_that_is_not_installed_is_not_missed() -> None:
    finding = judged(list(requirements(LINES)), GOOD | {"mlflow": None, "supervisor": None})

    assert finding.outcome == Outcome.OK
    assert "complete extras: prefect, sql." in finding.found


def test_without_prefect_any_fastapi_will_do() -> None:
    finding = judged(list(requirements(LINES)), GOOD | {"prefect": None, "fastapi": "0.200"})

    assert finding.outcome == Outcome.OK
