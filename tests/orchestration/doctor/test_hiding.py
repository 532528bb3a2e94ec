from collections.abc import Callable

import pytest

from dealcast.errors import ServiceError
from dealcast.orchestration.doctor import Finding, Probe, Setup, examine
from dealcast.orchestration.doctor.hiding import hidden

SetupWith = Callable[..., Setup]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at http://me:hunter2@host:4200/api.", "at http://***@host:4200/api."),
        ("at http://hunter2@host, and s3://crm/a@b", "at http://***@host, and s3://crm/a@b"),
        (
            "set postgresql+psycopg://USER:PASSWORD@HOST/NAME",
            "set postgresql+psycopg://USER:PASSWORD@HOST/NAME",
        ),
        ("the key s3-secret-key is wrong", "the key *** is wrong"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_are_struck_out_wherever_they_stand(
    setup_with: SetupWith, text: str, shown: str
) -> None:
    setup = setup_with({"storage.access_key_id": "a", "storage.secret_access_key": "s3-secret-key"})

    assert hidden(text, setup) == shown


def test_a_line_is_shown_without_what_a_service_has_repeated(setup_with: SetupWith) -> None:
    def repeats(_: Setup) -> Finding:
        raise ServiceError("Refused: token-of-prefect.", remedy="drop token-of-prefect")

    setup = setup_with({"orchestration.api_key": "token-of-prefect"})
    line = examine(setup, [Probe("one", "Is it so?", repeats)]).lines[0]

    assert (line.found, line.remedy) == ("Refused: ***.", "drop ***")
