from pathlib import Path

import pytest

from dealcast.errors import SettingsError
from dealcast.settings import (
    FilesSource,
    KaggleSource,
    SampleSource,
    SqlSource,
    load_settings,
    shown,
)

CONFIG = Path(__file__).resolve().parents[1] / "config"


def write(folder: Path, text: str, env: str = "development") -> Path:
    (folder / f"{env}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    loaded = load_settings(environ={"DEALCAST_CONFIG_DIR": str(write(tmp_path, ""))})

    assert loaded.environment == "development"
    assert isinstance(loaded.settings.source, SampleSource)
    assert loaded.origins == {}


def test_flags_win_over_environment_over_file_over_default(tmp_path: Path) -> None:
    folder = write(tmp_path, "quality: {min_score: 0.1}\nmodel: {seed: 1}\nstorage: {root: file}\n")
    environ = {"DEALCAST__QUALITY__MIN_SCORE": "0.2", "DEALCAST__MODEL__SEED": "2"}

    loaded = load_settings(config_dir=folder, environ=environ, flags={"quality.min_score": 0.3})

    assert loaded.settings.quality.min_score == 0.3
    assert loaded.settings.model.seed == 2
    assert loaded.settings.storage.root == "file"
    origins = {k: o for k, _, o in shown(loaded)}
    assert origins["quality.min_score"] == "flag"
    assert origins["model.seed"] == "environment DEALCAST__MODEL__SEED"
    assert origins["storage.root"].endswith("development.yaml")
    assert origins["model.min_closed"] == "default"


def test_lists_in_the_environment_are_yaml(tmp_path: Path) -> None:
    environ = {"DEALCAST__MODEL__HORIZONS_DAYS": "[14, 28]"}

    loaded = load_settings(config_dir=write(tmp_path, ""), environ=environ)

    assert loaded.settings.model.horizons_days == (14, 28)


@pytest.mark.parametrize(
    ("text", "problem", "near"),
    [
        ("storge: {root: x}", "Unknown setting 'storge.root'", "storage.root"),
        ("quality: {minscore: 1}", "Unknown setting 'quality.minscore'", "quality.min_score"),
        ("source: {kind: files, pth: x}", "Unknown setting 'source.pth'", "source.path"),
        ("source: {kind: sample, path: x}", "Unknown setting 'source.path'", ""),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name_and_the_places_searched(
    tmp_path: Path, text: str, problem: str, near: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(config_dir=write(tmp_path, text), environ={})

    assert problem in refused.value.problem
    assert near in refused.value.remedy
    assert "development.yaml" in refused.value.remedy


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("model.seed", "many", "valid integer"),
        ("quality.min_score", "2", "less than or equal to 1"),
        ("logging.level", "LOUD", "'DEBUG', 'INFO'"),
        ("data.fiscal_year_start_month", "13", "less than or equal to 12"),
        ("source.kind", "ftp", "'files', 'kaggle', 'sample'"),
        ("data.as_of", "someday", "date"),
    ],
)
def test_a_wrong_type_is_refused_naming_the_key_and_its_origin(
    tmp_path: Path, key: str, value: str, says: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(config_dir=write(tmp_path, ""), environ={}, flags={key: value})

    assert key.split(".", maxsplit=1)[0] in refused.value.problem
    assert "from flag" in refused.value.problem
    assert says in refused.value.problem


def test_another_kind_of_source_drops_the_fields_of_the_former(tmp_path: Path) -> None:
    folder = write(tmp_path, "source: {kind: sample, opportunities: 10}")

    loaded = load_settings(
        config_dir=folder, environ={}, flags={"source.kind": "files", "source.path": "x"}
    )

    assert loaded.settings.source == FilesSource(path="x")


def test_a_source_without_a_kind_is_a_sample_until_another_is_chosen(tmp_path: Path) -> None:
    folder = write(tmp_path, "source: {seed: 3}\nstorage:\n")

    sample = load_settings(config_dir=folder, environ={})
    files = load_settings(config_dir=folder, environ={}, flags={"source.kind": "files"})

    assert sample.settings.source == SampleSource(seed=3)
    assert files.settings.source == FilesSource()


def test_a_secret_in_the_environment_waits_for_the_source_that_a_flag_chooses(
    tmp_path: Path,
) -> None:
    environ = {"DEALCAST__SOURCE__URL": "sqlite:///crm.db"}

    folder = write(tmp_path, "")
    loaded = load_settings(config_dir=folder, environ=environ, flags={"source.kind": "sql"})
    chosen = loaded.settings.source

    assert isinstance(chosen, SqlSource)
    assert chosen.url is not None
    assert chosen.url.get_secret_value() == "sqlite:///crm.db"
    with pytest.raises(SettingsError, match=r"source\.url"):
        load_settings(config_dir=folder, environ=environ, flags={"source.kind": "files"})


def test_a_secret_never_shows(tmp_path: Path) -> None:
    environ = {"DEALCAST__SOURCE__KIND": "kaggle", "DEALCAST__SOURCE__KEY": "hush-hush"}

    loaded = load_settings(config_dir=write(tmp_path, ""), environ=environ)

    assert isinstance(loaded.settings.source, KaggleSource)
    assert loaded.settings.source.key is not None
    assert loaded.settings.source.key.get_secret_value() == "hush-hush"
    assert "hush-hush" not in repr(loaded)
    assert "hush-hush" not in str(list(shown(loaded)))
    assert "hush-hush" not in loaded.settings.model_dump_json()


def test_a_secret_that_is_no_yaml_is_text(tmp_path: Path) -> None:
    environ = {"DEALCAST__SOURCE__KIND": "kaggle", "DEALCAST__SOURCE__KEY": "{hush-hush"}

    source = load_settings(config_dir=write(tmp_path, ""), environ=environ).settings.source

    assert isinstance(source, KaggleSource)
    assert source.key is not None
    assert source.key.get_secret_value() == "{hush-hush"


@pytest.mark.parametrize("secret", ["[hush-hush]", "{hush-hush: 1}"])
def test_a_wrong_secret_is_not_repeated_in_the_error(tmp_path: Path, secret: str) -> None:
    environ = {"DEALCAST__SOURCE__KIND": "kaggle", "DEALCAST__SOURCE__KEY": secret}

    with pytest.raises(SettingsError) as refused:
        load_settings(config_dir=write(tmp_path, ""), environ=environ)

    assert "hush-hush" not in str(refused.value)


@pytest.mark.parametrize("name", ["prod", "prodction"])
def test_an_unknown_environment_names_the_file_it_looked_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}.yaml"):
        load_settings(env=name, config_dir=tmp_path, environ={})


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2", "\xff"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "development.yaml").write_bytes(text.encode("latin-1"))

    with pytest.raises(SettingsError, match=r"development\.yaml"):
        load_settings(config_dir=tmp_path, environ={})


@pytest.mark.parametrize("env", ["development", "staging", "production"])
def test_the_shipped_files_are_valid_and_say_all_but_the_source(env: str) -> None:
    loaded = load_settings(env=env, config_dir=CONFIG, environ={})

    unsaid = {k for k, _, origin in shown(loaded) if origin == "default"}
    assert all(k.startswith("source.") for k in unsaid)


def test_an_env_file_stands_between_the_file_that_names_it_and_the_environment(
    tmp_path: Path,
) -> None:
    secrets = tmp_path / "stack.env"
    secrets.write_text(
        "# written by stack up\n"
        "export DEALCAST__MODEL__SEED=2\n"
        "DEALCAST__STORAGE__SECRET_ACCESS_KEY='hush-hush'\n"
        "DEALCAST__QUALITY__MIN_SCORE=0.2\nOTHER=x\n"
    )
    text = f"env_file: {secrets}\nmodel: {{seed: 1}}\n"
    environ = {"DEALCAST__QUALITY__MIN_SCORE": "0.3"}

    loaded = load_settings(config_dir=write(tmp_path, text), environ=environ)

    secret = loaded.settings.storage.secret_access_key
    assert secret is not None
    assert (secret.get_secret_value(), loaded.settings.model.seed) == ("hush-hush", 2)
    assert loaded.settings.quality.min_score == 0.3
    origins = {k: (v, o) for k, v, o in shown(loaded)}
    assert origins["model.seed"][1] == f"{secrets} DEALCAST__MODEL__SEED"
    assert "hush" not in origins["storage.secret_access_key"][0]


def test_the_first_line_of_an_env_file_counts_whoever_wrote_it(tmp_path: Path) -> None:
    secrets = tmp_path / "secret.env"
    secrets.write_text("DEALCAST__STORAGE__ROOT=there\n", encoding="utf-8-sig")

    loaded = load_settings(config_dir=write(tmp_path, f"env_file: {secrets}\n"), environ={})

    assert loaded.settings.storage.root == "there"


def test_an_env_file_that_is_missing_gives_nothing(tmp_path: Path) -> None:
    loaded = load_settings(config_dir=write(tmp_path, "env_file: nowhere.env\n"), environ={})

    assert loaded.settings.model.seed == 0


def test_a_broken_line_of_an_env_file_is_named_but_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "broken.env").write_text("A=1\nhush-hush\n")
    folder = write(tmp_path, f"env_file: {tmp_path / 'broken.env'}\n")

    with pytest.raises(SettingsError, match=r"broken\.env, line 2") as refused:
        load_settings(config_dir=folder, environ={})

    assert "hush" not in str(refused.value)


def test_a_flag_can_switch_a_setting_off() -> None:
    loaded = load_settings(environ={}, flags={"orchestration.daily_cron": None})

    assert loaded.settings.orchestration.daily_cron is None


@pytest.mark.parametrize(
    "key",
    [
        *("tracking.uri", "orchestration.api_url", "storage.endpoint"),
        *("storage.root", "storage.bucket"),
    ],
)
def test_an_address_with_a_password_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(SettingsError, match="without user and password") as refused:
        load_settings(environ={}, flags={key: "http://ann:hush-hush@host:1"})

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("engine.spark_master", "sc://host:15002/;use_ssl=true;token=hush-hush"),
        ("engine.spark_options", {"spark.hadoop.fs.s3a.secret.key": "hush-hush"}),
        ("engine.spark_options", {"spark.ssl.keyPassword": "hush-hush"}),
        ("engine.spark_options", {"spark.hadoop.fs.azure.account.key.a.net": "hush-hush"}),
    ],
)
def test_a_secret_for_spark_is_refused_without_repeating_it(key: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"{key}.*must be without") as refused:
        load_settings(environ={}, flags={key: value})

    assert "hush" not in str(refused.value)


def test_spark_may_be_told_in_which_file_a_secret_is() -> None:
    options = {"spark.kubernetes.authenticate.driver.oauthTokenFile": "/run/token"}

    loaded = load_settings(environ={}, flags={"engine.spark_options": options})

    assert loaded.settings.engine.spark_options == options


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"orchestration\.time_zone.*Europe/Berlin"):
        load_settings(environ={}, flags={"orchestration.time_zone": "Mars/Olympus"})


def test_the_tree_is_frozen(tmp_path: Path) -> None:
    settings = load_settings(config_dir=write(tmp_path, ""), environ={}).settings

    with pytest.raises(ValueError, match="frozen"):
        settings.storage.root = "elsewhere"
