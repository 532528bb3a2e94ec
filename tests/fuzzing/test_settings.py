"""Settings are what they say or refused by key and origin, wherever they come from."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzzing.told import check_told
from tests.fuzzing.yamls import SCALARS, bombs, hostile

from dealcast.errors import SettingsError
from dealcast.settings import LoadedSettings, load_settings, parse_value, shown
from dealcast.settings.loading import _known_keys

GOOD = (Path(__file__).resolve().parents[2] / "config" / "development.yaml").read_text("utf-8")
KEYS = sorted({key for kind in ("files", "sql", "sample", "kaggle") for key in _known_keys(kind)})
VALUES = st.sampled_from(SCALARS) | st.text(max_size=20) | st.integers().map(str)


def loaded(text: str, environ: dict[str, str], flags: dict[str, object]) -> LoadedSettings | None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "development.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            found = load_settings(config_dir=Path(folder), environ=environ, flags=flags)
        except SettingsError as refused:
            check_told(refused, ["yaml", "etting"], must_place=False)
            return None
    assert all(isinstance(value, str) for _, value, _ in shown(found))
    return found


@settings(max_examples=250)
@given(text=hostile(GOOD))
def test_a_settings_file_is_read_or_refused(text: str) -> None:
    loaded(text, {}, {})


@settings(max_examples=250)
@given(
    environ=st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=12), VALUES, max_size=4),
    sets=st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=12), VALUES, max_size=4),
)
def test_the_environment_and_flags_are_taken_or_refused(
    environ: dict[str, str], sets: dict[str, str]
) -> None:
    named = {f"DEALCAST__{k.upper().replace('.', '__')}": v for k, v in environ.items()}

    loaded("", named, {key: parse_value(value) for key, value in sets.items()})


@pytest.mark.parametrize("text", bombs(), ids=lambda text: text[:20])
def test_a_few_lines_that_stand_for_very_much_are_refused(text: str) -> None:
    assert loaded(text, {}, {}) is None
    assert loaded("", {"DEALCAST__CLEANING__SPELLING": "{" + text + "}"}, {}) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("storage: {root: a}\nstorage: {root: b}", "line 2, has the key 'storage' twice"),
        ("storage: {root: a, root: b}", "line 1, has the key 'root' twice"),
        ("data: {as_of: 2024-13-45}", "not valid YAML"),
        ("env_file: {a: b}", "'env_file' should be the name of a file"),
        ("env_file: [a]", "'env_file' should be the name of a file"),
        ("- a\n- b", "must hold sections"),
        ("\x00", "not valid YAML"),
    ],
)
def test_what_would_be_lost_or_misread_is_told_by_its_place(
    text: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "development.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError) as refused:
        load_settings(config_dir=tmp_path, environ={})

    assert says in refused.value.problem
    assert "development.yaml" in refused.value.problem


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b", "..", "\ud800"])
def test_an_environment_that_no_file_can_be_called_after_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="There is no environment"):
        load_settings(env=name, environ={})


def test_a_settings_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "development.yaml").write_bytes(b"\xff\xfe\x00\x81")

    with pytest.raises(SettingsError, match=r"development\.yaml cannot be read"):
        load_settings(config_dir=tmp_path, environ={})
