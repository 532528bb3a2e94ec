# ruff: noqa: RUF001 - other alphabets are the point
import codecs

import pytest

from dealcast.errors import SettingsError, SourceError
from dealcast.sources.reading.dialect import SAMPLE, decoded, delimiter_of

WESTERN = "id;name;amount\n1;Müller & Söhne;10,50 €\n2;Société Générale;7,00 €\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (WESTERN.encode("utf-8"), "utf-8"),
        (WESTERN.encode("utf-8-sig"), "utf-8"),
        (codecs.BOM_UTF16_LE + WESTERN.encode("utf-16-le"), "utf-16"),
        (codecs.BOM_UTF16_BE + WESTERN.encode("utf-16-be"), "utf-16"),
        (WESTERN.encode("utf-16-le"), "utf-16-le"),
        (WESTERN.encode("utf-16-be"), "utf-16-be"),
        (WESTERN.encode("utf-32"), "utf-32"),
        (WESTERN.encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_found(data: bytes, encoding: str) -> None:
    assert decoded(data, "deals.csv") == (WESTERN, encoding)


def test_latin_1_with_its_control_characters_is_read_as_such() -> None:
    text = "name\nM\xfcller\x90\n" + "Schmidt\n" * 100

    assert decoded(text.encode("latin-1"), "deals.csv") == (text, "latin-1")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Клиент;Город\nИван Петров;Новгород\nЕкатерина Щукина;Ярославль\n", "cp1251"),
        ("顧客;金額\n株式会社日立製作所;100\n東京都千代田区;200\n", "cp932"),
        ("Πελάτης;Πόλη\nΓιώργος Παπαδόπουλος;Θεσσαλονίκη\nΕλένη;Αθήνα\n", "cp1253"),
        ("客户;城市\n中国银行股份有限公司;北京市\n", "gb18030"),
    ],
)
def test_other_alphabets_are_told_by_their_runs_of_bytes(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding), "deals.csv") == (text, encoding)


def test_utf_16_in_another_alphabet_is_told_by_its_delimiters() -> None:
    text = "Клиент;Сумма\r\n" + "Иван Петров;1 234,50\r\n" * 20

    assert decoded(text.encode("utf-16-le"), "deals.csv") == (text, "utf-16-le")


def test_an_encoding_that_is_given_is_used() -> None:
    data = "Łódź".encode("cp1250")

    assert decoded(data, "deals.csv", "cp1250")[0] == "Łódź"
    assert decoded(data, "deals.csv", "Windows-1252")[1] == "cp1252"


def test_an_encoding_that_is_given_but_wrong_names_the_line() -> None:
    with pytest.raises(SourceError, match=r"is not ascii: byte 6 \(line 2\)"):
        decoded(b"abc\nxy\xe9\n", "deals.csv", "ascii")


def test_an_unknown_encoding_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="'cp125'") as refused:
        decoded(b"id\n", "deals.csv", "cp125")

    assert "cp125" in refused.value.remedy


def test_utf_16_that_is_cut_off_is_refused() -> None:
    with pytest.raises(SourceError, match="is not utf-16"):
        decoded("id;name\n".encode("utf-16")[:-1], "deals.csv")


def test_utf_8_with_a_broken_character_is_not_taken_for_a_code_page() -> None:
    data = "id;name\n1;Müller\n2;Søren\n3;é".encode()[:-1] + b"\n4;x\n"

    with pytest.raises(SourceError, match=r"UTF-8 but for 1 broken characters, .* line 4"):
        decoded(data, "deals.csv")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "old Excel workbook"),
        (b"\x1f\x8brest", "gzip"),
        (b"%PDF-1.7", "PDF"),
        (b"PAR1rest", "Parquet"),
        (bytes(range(256)) * 64, "NUL"),
        (b"id;name\n1;a\x00b\n", "NUL character on line 2"),
        (bytes(range(1, 256)) * 64, "control characters"),
    ],
)
def test_what_is_no_text_is_refused_with_what_it_is(data: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said) as refused:
        decoded(data, "deals.csv")

    assert "deals.csv is not" in refused.value.problem


def test_a_stray_control_character_among_notes_is_let_pass() -> None:
    text = "id,note\n" + "1,all is well here\n" * 20 + "2,odd\x0bpaste\x1f\n"

    assert decoded(text.encode(), "deals.csv")[0] == text


QUOTED = 'id{0}"note{1} more"{0}amount\n1{0}"a{1}b{1}c"{0}2\n2{0}"x"{0}3\n'


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_whatever_stands_in_quotes(delimiter: str) -> None:
    other = ";" if delimiter == "," else ","

    assert delimiter_of(QUOTED.format(delimiter, other)) == delimiter


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("id;amount\n1;1,5\n2;2,5\n", ";"),
        ("id;value, EUR;day\n1;1,5;x\n2;2,5;x\n3;7\n", ";"),
        ("id,tags\n1,a;b;c\n2,d;e;f\n", ","),
        ("id\n1\n2\n", ","),
        ("", ","),
        ("id|name\n1|a, b, c\n\n2|d\n", "|"),
    ],
)
def test_the_delimiter_splits_header_and_rows_alike(text: str, delimiter: str) -> None:
    assert delimiter_of(text) == delimiter


def test_a_record_cut_by_the_end_of_the_sample_does_not_mislead() -> None:
    rows = [f"{i:06d};{'x' * 50}" for i in range(2 * SAMPLE // 50)]

    assert delimiter_of("\n".join(["id;note", *rows])) == ";"


def test_a_broken_end_of_the_sample_does_not_stop_the_search() -> None:
    assert delimiter_of('id;note\n1;"' + "x" * 200_000) == ";"


@pytest.mark.parametrize(
    "encoding",
    ["base64", "hex", "zlib", "rot13", "undefined", "idna", "utf-7", "\0", "unicode_escape"],
)
def test_what_decodes_but_is_no_encoding_of_files_is_refused(encoding: str) -> None:
    with pytest.raises(SettingsError, match="There is no encoding"):
        decoded(b"id\n1\n", "deals.csv", encoding)
