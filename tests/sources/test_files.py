from pathlib import Path

import pytest

from dealcast.errors import SettingsError, SourceError
from dealcast.settings import FilesSource as FilesSettings
from dealcast.sources.base import open_source
from dealcast.sources.files import FilesSource, safe_names


def fetched(path: Path, into: Path) -> list[Path]:
    return FilesSource(FilesSettings(path=str(path))).fetch(into)


def test_a_file_is_copied_untouched(tmp_path: Path) -> None:
    content = b"\xff\xfei\x00d\x00\r\x00"
    (tmp_path / "deals.csv").write_bytes(content)

    copies = fetched(tmp_path / "deals.csv", tmp_path / "raw" / "new")

    assert copies == [tmp_path / "raw" / "new" / "deals.csv"]
    assert copies[0].read_bytes() == content


def test_of_a_folder_only_what_can_be_read_is_copied(tmp_path: Path) -> None:
    held = ["b.TSV", "a.csv", "c.txt", "d.parquet", ".hidden.csv", "~$a.csv", "notes.docx", "e.gz"]
    export = tmp_path / "export"
    (export / "older").mkdir(parents=True)
    (export / "older" / "f.csv").touch()
    for name in held:
        (export / name).write_text(name)

    copies = fetched(export, tmp_path / "raw")

    assert [copy.name for copy in copies] == ["a.csv", "b.TSV", "c.txt", "d.parquet"]
    assert sorted(p.name for p in (tmp_path / "raw").iterdir()) == [c.name for c in copies]
    assert all(copy.read_text() == copy.name for copy in copies)


def test_a_file_given_by_name_may_have_any_ending(tmp_path: Path) -> None:
    (tmp_path / "export.dat").write_text("id\n1\n")

    assert [c.name for c in fetched(tmp_path / "export.dat", tmp_path / "raw")] == ["export.dat"]


def test_the_settings_open_it(tmp_path: Path) -> None:
    assert isinstance(open_source(FilesSettings(path=str(tmp_path))), FilesSource)


def test_without_a_path_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"source\.path") as refused:
        FilesSource(FilesSettings()).fetch(tmp_path)

    assert "--path" in refused.value.remedy


def test_a_missing_file_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "opportunities.csv").touch()

    with pytest.raises(SourceError, match=r"oportunities\.csv") as refused:
        fetched(tmp_path / "oportunities.csv", tmp_path / "raw")

    assert "opportunities.csv" in refused.value.remedy
    assert not (tmp_path / "raw").exists()


def test_a_file_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file or folder"):
        fetched(tmp_path / "nowhere" / "deals.csv", tmp_path / "raw")


@pytest.mark.parametrize("held", [[], ["deals.xlsx", ".deals.csv"]])
def test_a_folder_without_a_readable_file_says_what_it_holds(
    tmp_path: Path, held: list[str]
) -> None:
    export = tmp_path / "export"
    export.mkdir()
    for name in held:
        (export / name).touch()

    with pytest.raises(SourceError, match="holds no") as refused:
        fetched(export, tmp_path / "raw")

    assert ("deals.xlsx" if held else "no files") in refused.value.problem


def test_nothing_is_left_where_a_copy_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = tmp_path / "export"
    export.mkdir()
    for name in ("a.csv", "b.csv"):
        (export / name).write_text("id\n")

    def full_disk(source: Path, to: Path) -> None:
        to.write_bytes(b"half")
        if source.name == "b.csv":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full_disk)

    with pytest.raises(SourceError, match=r"b\.csv cannot be copied: No space left"):
        fetched(export, tmp_path / "raw")

    assert not list((tmp_path / "raw").iterdir())


@pytest.mark.parametrize(
    ("names", "safe"),
    [
        (["deals.csv"], ["deals.csv"]),
        (["Deals 2024/05: all?.csv"], ["Deals_2024_05_all_.csv"]),
        (["..\\..\\etc.csv"], ["_.._etc.csv"]),
        (["A.csv", "a.csv"], ["A.csv", "a-2.csv"]),
        (["a b", "a_b"], ["a_b", "a_b-2"]),
        (["..."], ["export"]),
    ],
)
def test_names_are_made_safe_and_stay_different(names: list[str], safe: list[str]) -> None:
    assert safe_names(names) == safe


@pytest.mark.parametrize("path", ["x" * 5_000, "a/" * 3_000, "a\0b"])
def test_a_path_that_no_file_can_have_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--path") as refused:
        FilesSource(FilesSettings(path=path)).fetch(tmp_path / "raw")

    assert len(refused.value.problem) < 300
