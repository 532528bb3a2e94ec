import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml
from tests.sources.exports import (
    InventedCrm,
    as_read,
    hubspot_export,
    plain_export,
    salesforce_export,
    salesforce_report,
    utf16_export,
)

from dealcast.contracts import PROVENANCE, FileFormat, RawExport
from dealcast.errors import SourceError
from dealcast.settings import FilesSource, KaggleSource, SampleSource
from dealcast.sources.reading import ReadingOptions, load_mapping, read_export

HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value"


def read(path: Path, **options: str) -> RawExport:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return read_export(files, ReadingOptions.of(FilesSource(**options)))


def read_text(tmp_path: Path, *rows: str, header: str = HEADER, **options: str) -> RawExport:
    file = tmp_path / "deals.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return read(file, **options)


def told(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop(PROVENANCE)


def test_the_real_data_is_read_whole(real_data: Path) -> None:
    export = read(real_data)

    stages = export.opportunities["deal_stage"].value_counts()
    assert dict(stages.iter_rows()) == {
        "Won": 4238,
        "Lost": 2473,
        "Engaging": 1589,
        "Prospecting": 500,
    }
    assert {t: frame.height for t, frame in export.tables.items()} == {
        "opportunities": 8800,
        "accounts": 85,
        "products": 7,
        "sales_agents": 35,
    }
    assert export.formats[0] == FileFormat(
        file="sales_pipeline.csv",
        table="opportunities",
        rows=8800,
        encoding="utf-8",
        delimiter=",",
        dates={"engage_date": "MDY", "close_date": "MDY"},
    )
    nulls = export.opportunities.null_count().row(0, named=True)
    assert (nulls["close_date"], nulls["close_value"]) == (2089, 2089)
    assert (nulls["engage_date"], nulls["account"]) == (500, 1425)
    dates = export.opportunities["close_date"].drop_nulls()
    assert (dates.min(), dates.max()) == ("2017-03-01", "2017-12-31")
    assert dates.str.contains(r"^\d{4}-\d{2}-\d{2}$").all()


@pytest.mark.parametrize(
    ("exported", "mapping", "tables"),
    [
        (plain_export, "default", {"accounts", "products", "sales_agents"}),
        (utf16_export, "default", set()),
        (salesforce_export, "salesforce", {"accounts", "sales_agents"}),
        (salesforce_report, "salesforce", set()),
        (hubspot_export, "hubspot", set()),
    ],
)
def test_an_export_reads_back_as_the_crm_it_was_written_from(
    tmp_path: Path, exported: Callable[..., InventedCrm], mapping: str, tables: set[str]
) -> None:
    crm = exported(tmp_path, n=250, seed=3)

    export = read(tmp_path, mapping=mapping)

    assert set(export.tables) == {"opportunities", *tables}
    for table, frame in export.tables.items():
        assert frame.columns[:2] == list(PROVENANCE)
        assert set(told(frame).schema.values()) == {pl.String()}
        expected = as_read(crm.tables()[table])
        assert told(frame).equals(expected.select(told(frame).columns))
    assert set(told(export.opportunities).columns) == set(crm.opportunities.columns)


def test_without_names_in_salesforce_the_objects_are_joined_by_their_ids(tmp_path: Path) -> None:
    crm = salesforce_export(tmp_path, n=120, by_name=False)

    export = read(tmp_path, mapping="salesforce")

    assert set(export.opportunities["account"]) == set(crm.opportunities["account"])
    for table, key in {"accounts": "account", "sales_agents": "sales_agent"}.items():
        assert set(export.opportunities[key]) <= set(export.tables[table][key])


def test_how_a_german_file_is_written_is_told(tmp_path: Path) -> None:
    utf16_export(tmp_path)

    (file_format,) = read(tmp_path).formats

    assert file_format == FileFormat(
        file="sales_pipeline.csv",
        table="opportunities",
        rows=400,
        encoding="utf-16",
        delimiter=";",
        decimal=",",
        dates={"engage_date": "DMY", "close_date": "DMY"},
    )


def test_columns_of_no_use_are_named(tmp_path: Path) -> None:
    salesforce_export(tmp_path)

    formats = {f.file: f for f in read(tmp_path, mapping="salesforce").formats}

    assert formats["Opportunity.csv"].ignored_columns == (
        "IsDeleted",
        "AccountId",
        "Name",
        "Description",
        "OwnerId",
    )


def test_a_home_made_mapping_reads_a_home_made_file(tmp_path: Path) -> None:
    # The example of docs/mapping.md.
    docs = Path(__file__).resolve().parents[3] / "docs" / "mapping.md"
    blocks = docs.read_text(encoding="utf-8").split("```")
    (mapping,) = [b.removeprefix("yaml\n") for b in blocks if b.startswith("yaml\n")]
    (content,) = [b.removeprefix("text\n") for b in blocks if b.startswith("text\nNr")]
    (tmp_path / "mine.yaml").write_text(mapping, encoding="utf-8")
    (tmp_path / "Verkaufschancen 2024.csv").write_text(content, encoding="cp1252")

    export = read(
        tmp_path / "Verkaufschancen 2024.csv", mapping=str(tmp_path / "mine.yaml")
    ).opportunities

    assert yaml.safe_load(mapping)["name"] == "mine"
    assert told(export).to_dicts() == [
        {
            "opportunity_id": "V-1001",
            "sales_agent": "Jürgen Weiß",
            "account": "Müller & Söhne",
            "deal_stage": "Won",
            "engage_date": "2024-02-13",
            "close_date": "2024-03-28",
            "close_value": "12500.5",
            "expected_close_date": None,
            "amount": None,
        },
        {
            "opportunity_id": "V-1002",
            "sales_agent": "Ana Peña",
            "account": "Hafen AG",
            "deal_stage": "Lost",
            "engage_date": "2024-03-04",
            "close_date": "2024-04-02",
            "close_value": "0",
            "expected_close_date": None,
            "amount": None,
        },
        {
            "opportunity_id": "V-1003",
            "sales_agent": "Ana Peña",
            "account": None,
            "deal_stage": "Engaging",
            "engage_date": "2024-04-11",
            "close_date": None,
            "close_value": None,
            "expected_close_date": "2024-07-31",
            "amount": "980",
        },
    ]


def test_bad_rows_among_good_ones_stay_as_they_came(tmp_path: Path) -> None:
    good = [f"o{n},Ana,GTX,Acme,Won,2024-01-{n:02},2024-02-{n:02},{n}.5" for n in range(1, 21)]

    export = read_text(
        tmp_path,
        *good,
        "b1, Ana ,GTX,Acme,Perhaps,2024-01-01,,",
        "b2,Ana,GTX,Acme, won ,31/02/2024,someday,much",
        ",Ana,GTX,Acme,Lost,2024-01-01,2024-01-02,0",
        "o1,Ana,GTX,Acme,Won,2024-01-01,2024-02-01,1.5",
    )

    assert export.rows == 24
    assert export.opportunities.tail(4).rows() == [
        ("deals.csv", 22, "b1", " Ana ", "GTX", "Acme", "Perhaps", "2024-01-01", None, None),
        ("deals.csv", 23, "b2", "Ana", "GTX", "Acme", "Won", "31/02/2024", "someday", "much"),
        ("deals.csv", 24, None, "Ana", "GTX", "Acme", "Lost", "2024-01-01", "2024-01-02", "0"),
        ("deals.csv", 25, "o1", "Ana", "GTX", "Acme", "Won", "2024-01-01", "2024-02-01", "1.5"),
    ]


def test_a_column_that_the_export_lacks_is_absent(tmp_path: Path) -> None:
    export = read_text(
        tmp_path,
        "1,Won,2024-01-01,2024-02-01",
        header="Opportunity ID,Deal Stage,Engage Date,Close Date",
    )

    assert told(export.opportunities).rows() == [("1", "Won", "2024-01-01", "2024-02-01")]
    assert told(export.opportunities).columns == [
        "opportunity_id",
        "deal_stage",
        "engage_date",
        "close_date",
    ]


def test_columns_of_the_file_that_are_named_as_ours_for_other_things_do_no_harm(
    tmp_path: Path,
) -> None:
    export = read_text(
        tmp_path,
        "9,x,yes,1,Won,2024-01-01,2024-02-01",
        header="source_row,source_file,is_closed,opportunity_id,deal_stage,engage_date,close_date",
    )

    assert export.opportunities.row(0) == (
        *("deals.csv", 2, "1", "Won"),
        *("2024-01-01", "2024-02-01"),
    )
    assert export.formats[0].ignored_columns == ("source_row", "source_file", "is_closed")


def test_several_files_of_one_table_are_one_table(tmp_path: Path) -> None:
    first = f"{HEADER}\n1,a,p,c,Won,1/31/2024,2/1/2024,5\n"
    other = f"note;{HEADER.replace(',', ';')}\nx;2;a;p;c;Won;31.1.2024;1.2.2024;5,5\n"
    (tmp_path / "opportunities_1.csv").write_text(first)
    (tmp_path / "opportunities_2.csv").write_text(other)
    (tmp_path / "data_dictionary.csv").write_text("anything\n")

    export = read(tmp_path)

    assert export.opportunities.select(*PROVENANCE, "engage_date", "close_value").rows() == [
        ("opportunities_1.csv", 2, "2024-01-31", "5"),
        ("opportunities_2.csv", 2, "2024-01-31", "5.5"),
    ]
    assert [f.file for f in export.formats] == ["opportunities_1.csv", "opportunities_2.csv"]
    assert export.formats[1].ignored_columns == ("note",)


def test_a_parquet_file_reads_like_the_csv(tmp_path: Path) -> None:
    crm = plain_export(tmp_path)
    as_csv = read(tmp_path / "sales_pipeline.csv").opportunities
    crm.opportunities.write_parquet(tmp_path / "opportunities.parquet")

    export = read(tmp_path / "opportunities.parquet")

    assert told(export.opportunities).equals(told(as_csv))
    assert export.opportunities["source_row"].equals(as_csv["source_row"])
    assert export.formats[0].encoding is None
    assert export.formats[0].decimal is None


def test_files_in_a_folder_that_no_pattern_fits_are_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(HEADER)

    with pytest.raises(SourceError, match=r"No file of 'a\.csv', 'b\.csv'"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "column names but no rows"),
        (["1,a,p,c,Won,01/02/2024,03/04/2024,5"], "nothing in the file decides"),
        ([f"{n},a,p,c,Closed Won,2024-01-01,2024-02-01,5" for n in range(3)], "does not know"),
        ([f"1,a,{n},c,Won,2024-01-01,2024-02-01,5" for n in range(3)], "line items"),
        ([f",a,{n},c,Won,2024-01-01,2024-02-01,5" for n in range(3)], "no opportunity_id"),
        (["1,a,p,c,Won,soon,2024-02-01,5"], "1 of 1 cells are no dates"),
    ],
)
def test_an_export_that_is_not_what_it_says_is_refused(
    tmp_path: Path, rows: list[str], said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        read_text(tmp_path, *rows)


def test_the_flag_settles_ambiguous_dates(tmp_path: Path) -> None:
    export = read_text(tmp_path, "1,a,p,c,Won,01/02/2024,03/04/2024,5", date_order="DMY")

    assert export.opportunities.select("engage_date", "close_date").row(0) == (
        "2024-02-01",
        "2024-04-03",
    )


def test_a_file_that_went_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"deals\.csv cannot be read: No such file"):
        read_export([tmp_path / "deals.csv"], ReadingOptions())


def test_options_come_from_the_files_section_and_are_as_found_for_other_sources() -> None:
    section = FilesSource(path="x", mapping="hubspot", date_order="DMY", decimal=",", delimiter=";")

    options = ReadingOptions.of(section)
    assert options == ReadingOptions(
        load_mapping("hubspot"), "DMY", ",", ";", "auto", max_unpacked_gb=section.max_unpacked_gb
    )
    assert ReadingOptions.from_dict(json.loads(json.dumps(options.to_dict()))) == options
    assert ReadingOptions.of(KaggleSource()) == ReadingOptions()
    assert ReadingOptions.of(SampleSource()) == ReadingOptions()
