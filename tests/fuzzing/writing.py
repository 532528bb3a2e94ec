"""Damage to how the opportunities are written: their text and their bytes."""

import csv
from random import Random

from tests.fuzzing.drafts import DraftExport


def told_delimiter(export: DraftExport, rng: Random) -> None:
    """Excel's first line; the delimiter may be any character."""
    main = export.main
    main.delimiter = rng.choice((main.delimiter, "^", "~", ":", "¦", "é"))
    if not main.delimiter.isascii():
        main.encoding = "utf-8"
    main.before = rng.choice(("sep={}", '"sep={}"', "SEP={}")).format(main.delimiter) + "\r\n"
    if rng.random() < 0.2:
        main.before = rng.choice(('sep="\n', "sep=\n", "sep= \n", "sep=ab\n", "sep=;\n"))
        export.facts.clear()


def mixed_line_ends(export: DraftExport, rng: Random) -> None:
    main = export.main
    main.line_end, main.quoting = "\n", csv.QUOTE_ALL
    lines = main.bytes().decode(main.encoding, "replace").split('"\n"')
    ends = ['"\n"', '"\r\n"', '"\r"']
    text = lines[0] + "".join(rng.choice(ends) + line for line in lines[1:])
    main.content = text.encode(main.encoding)


def doubled_line_ends(export: DraftExport, rng: Random) -> None:
    export.main.line_end = rng.choice(("\n\n", "\r\r\n", "\r\n\r\n", "\n\r"))


def stray_quotes(export: DraftExport, rng: Random) -> None:
    """Quotes in the middle of what is not quoted, at its end, or not closed."""
    main = export.main
    data = main.bytes().decode(main.encoding, "replace")
    export.facts.clear()
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        data = data[:at] + '"' + data[at:]
    main.content = data.encode(main.encoding)


def other_delimiter(export: DraftExport, rng: Random) -> None:
    """One that nobody tells and that is not looked for."""
    if export.main.content is None:
        export.main.delimiter = rng.choice(":^~ \x1f")


def other_quoting(export: DraftExport, rng: Random) -> None:
    """Apostrophes for quotes, or quotes escaped by a backslash, as some databases do."""
    main = export.main
    export.facts.clear()
    main.quoting = csv.QUOTE_ALL
    old, new = rng.choice((('"', "'"), ('""', '\\"')))
    main.content = (
        main.bytes().decode(main.encoding, "replace").replace(old, new).encode(main.encoding)
    )


def mixed_encodings(export: DraftExport, rng: Random) -> None:
    """The second half in another encoding than the first."""
    main = export.main
    export.facts.clear()
    text = main.bytes().decode(main.encoding, "replace")
    half = len(text) // 2
    other = rng.choice(("utf-8", "cp1252", "cp1251", "cp932", "utf-16-le"))
    main.content = text[:half].encode(main.encoding) + text[half:].encode(other, "replace")


def mojibake(export: DraftExport, _: Random) -> None:
    """UTF-8 that a program took for Latin-1 and saved as UTF-8."""
    for file in export.files:
        data = file.bytes().decode(file.encoding, "replace").encode()
        file.encoding, file.content = "utf-8", data.decode("latin-1").encode()


def nuls(export: DraftExport, rng: Random) -> None:
    _insert(export, rng, rng.choice((b"\0", b"\0" * 5_000)))


def cut(export: DraftExport, rng: Random) -> None:
    data = export.main.bytes()
    export.main.content = data[: rng.randrange(len(data) + 1)]
    export.facts.clear()


def flipped(export: DraftExport, rng: Random) -> None:
    data = bytearray(export.main.bytes())
    for _ in range(rng.choice((1, 3, 30)) if data else 0):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    export.main.content = bytes(data)
    export.facts.clear()


def random_bytes(export: DraftExport, rng: Random) -> None:
    _insert(export, rng, rng.randbytes(rng.choice((1, 8, 500))))


def end_of_file(export: DraftExport, _: Random) -> None:
    export.main.after = "\x1a"


def two_marks(export: DraftExport, _: Random) -> None:
    main = export.main
    main.content = (
        b"\xef\xbb\xbf\xef\xbb\xbf" + main.bytes().decode(main.encoding, "replace").encode()
    )
    export.facts.clear()


def _insert(export: DraftExport, rng: Random, found: bytes) -> None:
    data = export.main.bytes()
    at = rng.randrange(len(data) + 1)
    export.main.content = data[:at] + found + data[at:]
    export.facts.clear()
