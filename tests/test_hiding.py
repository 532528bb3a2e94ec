"""Secrets are struck out of whatever is written, and only they."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dealcast import hiding
from dealcast.errors import DealcastError
from dealcast.hiding import hidden, remember, remember_also
from dealcast.settings import load_settings
from dealcast.workflow.aws import aws_profile


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What other tests had remembered is remembered again."""
    before = list(hiding._told)
    yield
    hiding._told[:] = before


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
def test_secrets_are_struck_out_wherever_they_stand(text: str, shown: str) -> None:
    remember(["s3-secret-key"])

    assert hidden(text) == shown


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("postgresql://me:p%40ss%2Fword@db/crm", "FATAL: no password p@ss/word for me"),
        ("postgresql://me:p%40ss%2Fword@db/crm", "cannot parse p%40ss%2Fword"),
        ("postgresql://me:p@ss/word@db/crm", "bad url postgresql://me:p@ss/word@db/crm"),
        ("user:hunter2", "Prefect said: hunter2?"),
        ("line\nbreak", "KeyError: 'line\\nbreak'"),
    ],
)
def test_a_secret_is_struck_out_however_it_is_written(secret: str, text: str) -> None:
    remember([secret])

    found = hidden(text)

    assert "***" in found
    assert not any(part in found for part in ("ss/word", "ss%2Fword", "hunter2", "break"))


def test_a_password_that_is_the_user_too_leaves_words_alone() -> None:
    remember(["postgresql://dealcast:dealcast@db/crm", "key"])

    assert hidden("`dealcast run` finds the key") == "`dealcast run` finds the key"


def test_every_error_is_told_without_the_secrets_of_the_settings() -> None:
    environ = {
        "DEALCAST__STORAGE__SECRET_ACCESS_KEY": "from-the-settings",
        "MLFLOW_TRACKING_TOKEN": "from-the-environment",
    }
    load_settings(flags={"orchestration.api_key": "me:from-a-flag"}, environ=environ)

    error = DealcastError(
        "Refused: from-the-settings, from-a-flag.", remedy="change from-the-environment"
    )

    assert str(error) == "Refused: ***, ***.\n\nTry: change ***"
    assert "from-" not in repr(error)


def test_what_was_remembered_before_is_not_hidden_any_more() -> None:
    remember(["one-secret"])
    remember(["another-secret"])

    assert hidden("one-secret, another-secret") == "one-secret, ***"


def test_what_a_file_tells_is_hidden_beside_what_settings_tell() -> None:
    remember(["one-secret"])
    remember_also(["another-secret"])

    assert hidden("one-secret another-secret") == "*** ***"


def test_the_secrets_of_an_aws_profile_are_hidden_once_they_are_read(tmp_path: Path) -> None:
    remember([])
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[crm]\naws_access_key_id = AKIA7\naws_secret_access_key = of-a-file\n"
        "aws_session_token = of-a-session\n"
    )

    aws_profile({"HOME": str(tmp_path), "AWS_PROFILE": "crm"})

    assert hidden("AKIA7: of-a-file, of-a-session") == "AKIA7: ***, ***"
