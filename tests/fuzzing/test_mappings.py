"""A mapping file is read as it says or refused with its name, whatever it holds."""

from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzzing.told import check_told
from tests.fuzzing.yamls import bombs, hostile

from dealcast.errors import DealcastError, SettingsError
from dealcast.sources.reading import ReadingOptions, read_export
from dealcast.sources.reading.mapping import CrmMapping, load_mapping

GOOD = files("dealcast.sources.reading").joinpath("mappings", "hubspot.yaml").read_text("utf-8")
EXPORT = (
    "Record ID,Deal Stage,Create Date,Close Date,Amount,Deal owner,Is Closed,Is Closed Won\n"
    "1,closedwon,2024-01-15,2024-02-20,12.50,Ann,true,true\n"
    "2,contractsent,2024-01-16,2024-06-20,7,Bo,false,false\n"
)


def loaded(text: str, folder: Path) -> CrmMapping | None:
    file = folder / "mine.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        return load_mapping(str(file))
    except SettingsError as refused:
        check_told(refused, ["mine.yaml"], must_place=False)
        return None


@settings(max_examples=250)
@given(text=hostile(GOOD))
def test_a_mapping_is_read_or_refused_and_what_it_reads_is_an_export(text: str) -> None:
    with TemporaryDirectory() as folder:
        mapping = loaded(text, Path(folder))
        if mapping is None:
            return
        (Path(folder) / "deals.csv").write_text(EXPORT, encoding="utf-8")
        try:
            export = read_export([Path(folder) / "deals.csv"], ReadingOptions(mapping))
        except DealcastError as refused:
            check_told(refused, ["deals.csv"])
        else:
            assert export.rows == 2


@pytest.mark.parametrize("text", bombs(), ids=lambda text: text[:20])
def test_a_few_lines_that_stand_for_very_much_are_refused(text: str, tmp_path: Path) -> None:
    assert loaded(text, tmp_path) is None


@pytest.mark.parametrize("bad", [b"\xff\xfe\x00", b"\x80abc", "é".encode("cp1252"), b"\0" * 9])
def test_a_mapping_that_is_no_text_is_refused(bad: bytes, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(bad)

    with pytest.raises(SettingsError, match=r"mine\.yaml"):
        load_mapping(str(file))


@pytest.mark.parametrize("name", ["x" * 5_000, "\0", ".", "/", "no/such/file.yaml", "\ud800"])
def test_a_mapping_that_is_no_file_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="There is no mapping") as refused:
        load_mapping(name)

    check_told(refused.value, [], must_place=False)


@given(
    pattern=st.lists(st.sampled_from(["a", "b", "*", " "]), max_size=8).map("".join),
    text=st.lists(st.sampled_from(["a", "b", " "]), max_size=9).map("".join),
)
def test_an_asterisk_stands_for_anything_as_in_a_shell(pattern: str, text: str) -> None:
    from fnmatch import fnmatchcase

    from dealcast.sources.reading.mapping import _fits, plain

    assert _fits(text, pattern) == fnmatchcase(plain(text), plain(pattern))


def test_many_asterisks_against_a_long_name_are_quick() -> None:
    from dealcast.sources.reading.mapping import _fits

    assert not _fits("a" * 50_000, "*a" * 60 + "*b")
