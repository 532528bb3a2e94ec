from collections.abc import Callable
from pathlib import Path

from dealcast.orchestration.doctor import Outcome, Setup
from dealcast.orchestration.doctor.settings_files import config_folder, settings

SetupWith = Callable[..., Setup]
SECRET = "not-to-be-shown"


def test_the_environments_of_the_folder_are_named(setup_with: SetupWith, tmp_path: Path) -> None:
    finding = config_folder(setup_with())

    assert finding.outcome == Outcome.OK
    assert finding.found == f"'{tmp_path / 'config'}' has the environments development, production."


def test_without_a_folder_the_built_in_values_apply(setup_with: SetupWith, tmp_path: Path) -> None:
    missing = Setup(setup_with().loaded, tmp_path / "nowhere")

    finding = config_folder(missing)

    assert finding.outcome == Outcome.OK
    assert "is not there: the built-in values of development apply" in finding.found


def test_where_values_come_from_is_counted(setup_with: SetupWith, tmp_path: Path) -> None:
    env_file = tmp_path / "stack.env"
    env_file.write_text("DEALCAST__MODEL__SEED=2\n")

    finding = settings(
        setup_with(
            {"storage.attempts": 2},
            yaml=f"env_file: {env_file}\nquality: {{min_score: 0.7}}",
            environment={"DEALCAST__LOGGING__LEVEL": "DEBUG"},
        )
    )

    assert finding.outcome == Outcome.OK
    assert "Environment 'development'" in finding.found
    assert f"1 values from {tmp_path / 'config' / 'development.yaml'}" in finding.found
    assert f"1 values from {env_file}" in finding.found
    assert "1 values from environment" in finding.found
    assert "2 values from flags" in finding.found
    assert "no secret is needed" in finding.found


def test_secrets_are_named_as_set_or_not_and_never_shown(setup_with: SetupWith) -> None:
    finding = settings(
        setup_with(
            {"storage.root": "s3://crm/store", "source.kind": "sql"},
            environment={"DEALCAST__SOURCE__URL": SECRET},
        )
    )

    assert finding.outcome == Outcome.OK
    assert "secrets set: source.url" in finding.found
    assert "not set: storage.secret_access_key, storage.session_token" in finding.found
    assert "orchestration" not in finding.found
    assert SECRET not in finding.found


def test_an_env_file_that_is_not_there_is_told(setup_with: SetupWith) -> None:
    finding = settings(setup_with(yaml="env_file: nowhere/stack.env"))

    assert finding.outcome == Outcome.WARNING
    assert "nowhere/stack.env is not there" in finding.found
    assert "dealcast stack up" in finding.remedy


def test_a_secret_in_the_yaml_is_told_and_not_repeated(setup_with: SetupWith) -> None:
    yaml = f"storage: {{bucket: crm, access_key_id: a, secret_access_key: {SECRET}}}"

    finding = settings(setup_with(yaml=yaml))

    assert finding.outcome == Outcome.WARNING
    assert "storage.secret_access_key (in " in finding.found
    assert "environment" in finding.remedy
    assert SECRET not in finding.found + finding.remedy


def test_made_up_data_in_production_are_told(setup_with: SetupWith) -> None:
    forgotten = settings(setup_with(env="production"))
    chosen = settings(setup_with({"source.kind": "files", "source.path": "x"}, env="production"))

    assert forgotten.outcome == Outcome.WARNING
    assert "The source is the generated sample." in forgotten.found
    assert "DEALCAST__SOURCE__KIND" in forgotten.remedy
    assert chosen.outcome == Outcome.OK
