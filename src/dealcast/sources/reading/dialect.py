"""How a text file is written: its encoding and its delimiter, found from the bytes."""

import codecs
import csv
import io
import re
from encodings.aliases import aliases
from itertools import pairwise

from dealcast.errors import SettingsError, SourceError, nearest, quoted

DELIMITERS = (",", ";", "\t", "|")
# Characters or bytes that are looked at to find the dialect; fewer than csv takes for one cell.
SAMPLE = 65_536
CONTROLS_ALLOWED = 0.01  # share of characters; notes hold a stray one, garbage one in ten
FIRST_NON_ASCII = 0x80
RUNS_OF_ACCENTS = 0.3  # share of non-ASCII bytes beside another; accents stand among letters

# The longer mark first: UTF-32's begins with UTF-16's.
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What Excel writes where it does not write cp1252.
OTHER_ALPHABETS = (
    *("cp1251", "cp1253", "cp1255", "cp1256", "cp874", "koi8_r"),
    *("cp932", "gb18030", "big5", "cp949"),
)
SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
    b"PAR1": "a Parquet file without the ending .parquet",
    b"PK\x05\x06": "an empty zip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"SQLite format 3": "an SQLite database",
}
# What Python can decode, but no program writes its files in; some give what is no text.
NEVER_OF_FILES = frozenset(
    {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)
CONTROL = re.compile("[\x01-\x08\x0e-\x1f\x7f]")


def decoded(data: bytes, file: str, encoding: str = "auto") -> tuple[str, str]:
    """The text of the file without its byte-order mark, and the name of its encoding.

    With auto it is found by, in this order: byte-order mark, the zero bytes of UTF-16, being valid
    UTF-8. What is left has one byte or two for a character: cp1252 where non-ASCII bytes stand
    alone among letters, as accents do, else what charset-normalizer takes the alphabet for.
    Raises SourceError where the bytes are no text or not in `encoding`.

    >>> decoded("Müller;1,5".encode("utf-16"), "deals.csv")
    ('Müller;1,5', 'utf-16')
    >>> decoded("Müller;1,5".encode("cp1252"), "deals.csv")
    ('Müller;1,5', 'cp1252')
    """
    _refuse_other_formats(data, file)
    found = _marked(data) or _utf16_without_mark(data) or "utf-8"
    name = found if encoding == "auto" else _known(encoding)
    try:
        text = data.decode(name)
    except UnicodeDecodeError as error:
        if encoding != "auto" or found != "utf-8":
            raise _not_in(name, data, file, error) from None
        name = _code_page(data, file, error)
        text = data.decode(name)
    _refuse_garbage(text, file)
    return text.removeprefix("\ufeff"), name


def told_delimiter(text: str) -> tuple[str, str | None]:
    r"""The text without Excel's first line `sep=;`, and the delimiter that it tells, if any.

    Spreadsheets do not show that line, and do not count it.

    >>> told_delimiter("sep=;\nid;name\n")
    ('id;name\n', ';')
    """
    first, _, rest = text.partition("\n")
    told = re.fullmatch(r'"?sep=([^"\r])"?\r?', first, flags=re.IGNORECASE)
    return (rest, told[1]) if told else (text, None)


def delimiter_of(text: str) -> str:
    r"""The delimiter that splits the header and the records after it into the most equal fields.

    A delimiter counts where the header has it; its weight is the number of splits times the share
    of records as wide as the header. A comma where no delimiter counts: one column.

    >>> delimiter_of("Deal ID;Amount, EUR\n1;10,5\n2;7\n")
    ';'
    """
    sample = text[:SAMPLE]
    return max(DELIMITERS, key=lambda d: _weight(sample, d, cut=len(text) > SAMPLE))


def _weight(sample: str, delimiter: str, *, cut: bool) -> float:
    records = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    widths = [len(record) for record in records if record]
    if cut and len(widths) > 1:
        widths.pop()
    if not widths:
        return 0.0
    alike = sum(width == widths[0] for width in widths) / len(widths)
    return (widths[0] - 1) * alike


def _refuse_other_formats(data: bytes, file: str) -> None:
    for signature, meaning in SIGNATURES.items():
        if data.startswith(signature):
            raise SourceError(
                f"{file} is not text but {meaning}.",
                remedy="export or save it as CSV (UTF-8), or as Parquet",
            )


def _refuse_garbage(text: str, file: str) -> None:
    nul = text.find("\0")
    controls = len(CONTROL.findall(text[:SAMPLE]))
    if nul < 0 and controls <= CONTROLS_ALLOWED * min(len(text), SAMPLE):
        return
    found = (
        f"a NUL character on line {text.count(chr(10), 0, nul) + 1:,}"
        if nul >= 0
        else f"{controls:,} control characters at its beginning"
    )
    raise SourceError(
        f"{file} is not a text file: it holds {found}.",
        remedy="export it again as CSV (UTF-8); if it is text, name its source.encoding",
    )


def _marked(data: bytes) -> str | None:
    return next((name for mark, name in MARKS.items() if data.startswith(mark)), None)


def _utf16_without_mark(data: bytes) -> str | None:
    """UTF-16 writes every ASCII character (digits, delimiters) with a zero byte before or after."""
    sample = data[: SAMPLE // 2 * 2]
    half = len(sample) // 2
    first, second = sample[0::2].count(0), sample[1::2].count(0)
    if second >= 0.2 * half > 0 and first <= 0.02 * half:
        return "utf-16-le"
    if first >= 0.2 * half > 0 and second <= 0.02 * half:
        return "utf-16-be"
    return None


def _code_page(data: bytes, file: str, error: UnicodeDecodeError) -> str:
    """The encoding of what is not UTF-8: see `decoded`."""
    _refuse_broken_utf8(data, file, error)
    lines = b"\n".join(line for line in data[: 16 * SAMPLE].splitlines() if not line.isascii())
    high = [byte >= FIRST_NON_ASCII for byte in lines[:SAMPLE]]
    beside = sum(a and b for a, b in pairwise(high))
    if beside > RUNS_OF_ACCENTS * sum(high):
        from charset_normalizer import from_bytes  # slow to load, and seldom asked

        found = from_bytes(lines[:SAMPLE], cp_isolation=[*OTHER_ALPHABETS])
        # By coherence, that is by language: names alone make every alphabet look tidy.
        for match in sorted(found, key=lambda m: m.coherence, reverse=True):
            if _decodes(data, match.encoding):
                return match.encoding
    return "cp1252" if _decodes(data, "cp1252") else "latin-1"


def _refuse_broken_utf8(data: bytes, file: str, error: UnicodeDecodeError) -> None:
    """Bytes of a code page hardly ever make whole UTF-8 characters by chance; here most do."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    whole = len(text) - len(text.encode("ascii", errors="ignore")) - broken
    if whole > broken:
        raise SourceError(
            f"{file} is UTF-8 but for {broken:,} broken characters, the first on line "
            f"{_line(data, error.start):,}.",
            remedy="export it again, mend that line, or set source.encoding",
        )


def _not_in(name: str, data: bytes, file: str, error: UnicodeDecodeError) -> SourceError:
    return SourceError(
        f"{file} is not {name}: byte {error.start:,} (line {_line(data, error.start):,}) "
        "cannot be read so.",
        remedy="leave source.encoding at auto, or name the encoding the file was saved in",
    )


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _known(encoding: str) -> str:
    name = _named(encoding)
    if name is None:
        near = nearest(encoding.replace("-", "_"), aliases)
        raise SettingsError(
            f"There is no encoding {quoted(encoding)} of files (source.encoding).",
            remedy=(f"did you mean '{near}'? " if near else "")
            + "common ones are utf-8, utf-16, cp1252 and latin-1; auto finds it",
        )
    return name


def _named(encoding: str) -> str | None:
    """Python's name for an encoding of files; None where it is none."""
    try:
        name = codecs.lookup(encoding).name
        bytes(4).decode(name, "ignore")  # base64, zlib and the like are no encodings of text
    except (LookupError, ValueError):
        return None
    return None if name in NEVER_OF_FILES else name


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1
