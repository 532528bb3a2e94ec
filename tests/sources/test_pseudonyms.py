"""Names become pseudonyms in the files themselves, as cleaning would have written them."""

import csv
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

from dealcast.errors import SettingsError, SourceError
from dealcast.settings import FilesSource, PrivacySettings, load_settings
from dealcast.sources import pseudonyms as module
from dealcast.sources.pseudonyms import Pseudonyms, pseudonymise
from dealcast.sources.reading import ReadingOptions, read_export

KEY = "a-key-of-tests-only"
WHO = ("sales_agent", "account")
HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value"


@pytest.fixture
def made() -> Pseudonyms:
    found = Pseudonyms.of(PrivacySettings(pseudonyms=WHO, key=KEY), {"Acmee": "Acme"})
    assert found is not None
    return found


def deals(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def test_one_name_has_one_pseudonym_and_others_have_others(made: Pseudonyms) -> None:
    again = Pseudonyms.of(PrivacySettings(pseudonyms=WHO, key=KEY), {})
    other = Pseudonyms.of(PrivacySettings(pseudonyms=WHO, key=KEY.upper()), {})
    assert again is not None
    assert other is not None

    found = made.of_name("Acme", "account")

    assert again.of_name("Acme", "account") == found
    others = [
        other.of_name("Acme", "account"),
        made.of_name("Acme", "agent"),
        made.of_name("acme", "account"),
    ]
    assert len({found, *others}) == 4


def test_a_pseudonym_that_two_names_would_share_is_refused(
    made: Pseudonyms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEX_DIGITS", 1)

    with pytest.raises(SourceError, match="share the pseudonym") as refused:
        [made.of_name(f"Customer {number}", "account") for number in range(17)]

    assert "Customer" not in str(refused.value)


def test_without_a_key_it_is_said_how_to_make_one() -> None:
    with pytest.raises(SettingsError, match="no key") as refused:
        Pseudonyms.of(PrivacySettings(pseudonyms=WHO), {})

    assert "DEALCAST__PRIVACY__KEY" in refused.value.remedy
    assert Pseudonyms.of(PrivacySettings(key=KEY), {}) is None


def test_a_short_key_is_refused_without_repeating_it() -> None:
    with pytest.raises(SettingsError, match="16 characters") as refused:
        load_settings(environ={"DEALCAST__PRIVACY__KEY": "hush-hush"})

    assert "hush" not in str(refused.value)


def test_names_are_hashed_as_cleaning_writes_them(made: Pseudonyms, tmp_path: Path) -> None:
    (tmp_path / "opportunities.csv").write_text(
        deals(
            'A,Ann,MG," Acme ",Engaging,2025-01-01,,',
            "B,Ann,MG,Acmee,Engaging,2025-01-01,,",
            "C,ANN,MG,ACME,Engaging,2025-01-01,,",
            "D,Bo,MG,Acme  Ltd,Engaging,2025-01-01,,",
            "E,,MG,,Engaging,2025-01-01,,",
        )
    )
    (tmp_path / "accounts.csv").write_text(
        "account,sector,subsidiary_of\nAcme,retail,\nAcme Ltd,retail,Acme\n"
    )

    kept = pseudonymise(sorted(tmp_path.iterdir()), ReadingOptions(), made)
    read = read_export(kept, ReadingOptions())

    acme, limited = (made.of_name(name, "account") for name in ("Acme", "Acme Ltd"))
    rows, accounts = read.tables["opportunities"], read.tables["accounts"]
    assert rows["account"].to_list() == [acme, acme, acme, limited, None]
    # No table of agents says that ANN is Ann.
    assert rows["sales_agent"].n_unique() == 4
    assert accounts["account"].to_list() == [acme, limited]
    assert accounts["subsidiary_of"].to_list() == [None, acme]


@pytest.mark.parametrize(
    ("encoding", "delimiter", "decimal"),
    [("utf-8", ",", "."), ("cp1252", ";", ","), ("utf-16", "\t", ".")],
)
def test_all_else_is_read_as_it_would_have_been(
    made: Pseudonyms, tmp_path: Path, encoding: str, delimiter: str, decimal: str
) -> None:
    rows = [
        ["A", "Änne", "Größe “M”", "Café", "Won", "13/01/2025", "14/02/2025", f"1234{decimal}5"],
        [""] * 8,
        ["B", "Bo", 'a "quoted" word', "Ço", "Lost", "01/02/2025", "15/02/2025", "0"],
        ["C", "Bo", "two\nlines", "Ço", "Engaging", "01/02/2025", "", ""],
    ]
    quoted = [
        [f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row]
        for row in [HEADER.split(","), *rows]
    ]
    file = tmp_path / "opportunities.csv"
    text = "\r\n".join(delimiter.join(row) for row in quoted) + "\r\n"
    file.write_bytes(text.encode(encoding))
    options = ReadingOptions.of(FilesSource(path="x"))
    before = read_export([file], options)

    after = read_export(pseudonymise([file], options, made), options)

    names = ["sales_agent", "account"]
    assert (
        after.tables["opportunities"].drop(names).equals(before.tables["opportunities"].drop(names))
    )
    assert [(f.encoding, f.delimiter, f.decimal, f.dates) for f in after.formats] == [
        (f.encoding, f.delimiter, f.decimal, f.dates) for f in before.formats
    ]
    assert "Caf" not in file.read_text(encoding=encoding)


@pytest.mark.parametrize("delimiter", ["^", "§", ";"])
def test_a_delimiter_that_the_file_tells_is_told_again(
    made: Pseudonyms, tmp_path: Path, delimiter: str
) -> None:
    file = tmp_path / "opportunities.csv"
    text = deals('A,Ann,"MG, 2; 3",Acme,Won,2025-01-01,2025-02-01,5', "B,,,,,,,")
    rows = [delimiter.join(row) for row in csv.reader(text.splitlines())]
    file.write_text(f"sep={delimiter}\n" + "\n".join(rows).replace("MG, 2; 3", '"MG, 2; 3"'))
    before = read_export([file], ReadingOptions())

    after = read_export(pseudonymise([file], ReadingOptions(), made), ReadingOptions())

    names = ["sales_agent", "account"]
    assert after.opportunities.drop(names).equals(before.opportunities.drop(names))
    assert after.formats == before.formats


def test_a_typed_file_keeps_its_types_but_for_names(made: Pseudonyms, tmp_path: Path) -> None:
    file = tmp_path / "opportunities.parquet"
    pl.DataFrame(
        {
            "opportunity_id": ["A", "B"],
            "sales_agent": [17, 18],
            "deal_stage": ["Won", "Engaging"],
            "engage_date": pl.Series(["2025-01-01", "2025-01-02"]).str.to_date(),
            "close_date": pl.Series(["2025-02-01", None]).str.to_date(),
            "close_value": [1234.5, None],
            "contact": ["Eve", "Adam"],
        }
    ).write_parquet(file)
    before = read_export([file], ReadingOptions())

    after = read_export(pseudonymise([file], ReadingOptions(), made), ReadingOptions())

    kept, former = after.tables["opportunities"], before.tables["opportunities"]
    assert kept.drop("sales_agent").equals(former.drop("sales_agent"))
    assert kept["sales_agent"].to_list() == [made.of_name(n, "agent") for n in ("17", "18")]
    assert pl.read_parquet(file).schema["close_value"] == pl.Float64


def test_a_column_that_is_two_of_ours_holds_the_pseudonym(made: Pseudonyms, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    text = (files("dealcast") / "sources/reading/mappings/default.yaml").read_text()
    mapping.write_text(text.replace("product: product\n", "product: account\n", 1))
    file = tmp_path / "opportunities.csv"
    file.write_text(deals("A,Ann,MG,Acme,Engaging,2025-01-01,,"))
    options = ReadingOptions.of(FilesSource(path="x", mapping=str(mapping)))

    rows = read_export(pseudonymise([file], options, made), options).tables["opportunities"]

    pseudonym = made.of_name("Acme", "account")
    assert (rows["account"].item(), rows["product"].item()) == (pseudonym, pseudonym)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (HEADER + "\n", "no rows"),
        (HEADER.replace("deal_stage", "stage") + "\nA,Ann,MG,Acme,Won,2025-01-01,,\n", "'stage'"),
    ],
)
def test_what_cannot_be_read_is_refused_as_without_pseudonyms(
    made: Pseudonyms, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "opportunities.csv"
    file.write_text(text)
    with pytest.raises(SourceError) as plain:
        read_export([file], ReadingOptions())

    with pytest.raises(SourceError, match=said) as refused:
        read_export(pseudonymise([file], ReadingOptions(), made), ReadingOptions())

    assert str(refused.value) == str(plain.value)


def test_what_the_mapping_does_not_use_is_not_kept(made: Pseudonyms, tmp_path: Path) -> None:
    """A deal's own name, contacts and notes may name the customer as well as the account does."""
    (tmp_path / "Opportunity.csv").write_text(
        "Id,Name,Owner.Name,OwnerId,StageName,CreatedDate,CloseDate,Amount,Description,IsClosed,IsWon,Account.Name\n"
        "1,Acme: 50 seats,Ann,005,Closed Won,2025-01-01,2025-02-01,5,call Eve,true,true,Acme\n"
    )
    (tmp_path / "Contact.csv").write_text("Email\neve@acme.example\n")
    options = ReadingOptions.of(FilesSource(path="x", mapping="salesforce"))

    kept = pseudonymise(sorted(tmp_path.iterdir()), options, made)

    text = (tmp_path / "Opportunity.csv").read_text()
    assert [f.name for f in kept] == ["Opportunity.csv"]
    assert [f.name for f in tmp_path.iterdir()] == ["Opportunity.csv"]
    assert not any(word in text for word in ("Acme", "Ann", "Eve", "005"))
    assert read_export(kept, options).tables["opportunities"]["deal_stage"].to_list() == ["Won"]
