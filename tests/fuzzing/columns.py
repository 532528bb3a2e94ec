"""Damage to the columns of the opportunities."""

from random import Random

from tests.fuzzing.drafts import DraftExport

OPTIONAL = ("sales_agent", "product", "account", "close_value")
REQUIRED = ("opportunity_id", "deal_stage", "engage_date", "close_date")
NAMES = (
    *("notes", "=1+1", "source_file", "source_row", "is_copy", "reason", "key", "Straße", "{}"),
    *("row_hash", "index", "__index_level_0__", "literal", "text", "len", "x" * 3_000, "\x1b[2J"),
)


def _arrange(export: DraftExport, order: list[int]) -> None:
    main = export.main
    main.header = [main.header[place] for place in order]
    main.rows = [[row[place] for place in order if place < len(row)] for row in main.rows]


def shuffled(export: DraftExport, rng: Random) -> None:
    order = list(range(len(export.main.header)))
    rng.shuffle(order)
    _arrange(export, order)


def _add(export: DraftExport, rng: Random, names: list[str], texts: tuple[str, ...]) -> None:
    main = export.main
    at = rng.choice((0, len(main.header)))
    main.header[at:at] = names
    for row in main.rows:
        row[at:at] = [rng.choice(texts) for _ in names]


def extra(export: DraftExport, rng: Random) -> None:
    names = rng.sample(NAMES, rng.randrange(1, 6))
    _add(export, rng, names, ("", "x", "1,5", 'say "a"', "a\nb", "=1+1", "\N{NO-BREAK SPACE}"))


def very_many(export: DraftExport, rng: Random) -> None:
    export.keep(export.main.rows[:5])
    _add(export, rng, [f"extra {n}" for n in range(2_000 - len(export.main.header))], ("", "7"))


def renamed(export: DraftExport, rng: Random) -> None:
    main = export.main
    ways = (str.upper, str.title, lambda name: name.replace("_", " "), lambda name: f" {name} ")
    main.header = [rng.choice(ways)(name) for name in main.header]


def nameless(export: DraftExport, rng: Random) -> None:
    _add(export, rng, ["", " "], ("", "x"))


def optional_missing(export: DraftExport, rng: Random) -> None:
    """Without its value, a Lost one is still worth 0 and a Won one is clean without."""
    export.facts.clear()
    _drop(export, rng.choice(OPTIONAL))


def required_missing(export: DraftExport, rng: Random) -> None:
    _drop(export, rng.choice(REQUIRED))


def _drop(export: DraftExport, name: str) -> None:
    kept = [place for place, column in enumerate(export.main.header) if column != name]
    _arrange(export, kept)


def repeated(export: DraftExport, rng: Random) -> None:
    _add(export, rng, [rng.choice(export.main.header)], ("", "x"))


def exchanged(export: DraftExport, rng: Random) -> None:
    export.facts.clear()
    header = export.main.header
    one, other = rng.sample(range(len(header)), 2)
    header[one], header[other] = header[other], header[one]


def invisible(export: DraftExport, rng: Random) -> None:
    mark = rng.choice(("\N{ZERO WIDTH SPACE}", "\ufeff", "\N{SOFT HYPHEN}", "\x1f"))
    place = rng.randrange(len(export.main.header))
    export.facts.clear()
    export.main.header[place] += mark
