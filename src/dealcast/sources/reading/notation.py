"""In which of two styles a whole column is written, for dates and amounts alike.

Most dates and amounts can be read in two ways: 3/4/2017 is in March or in April, 1,234 is a
thousand or a bit more than one. The whole column decides, by the values that only one style can
read; if none does, the other columns of the file decide; if they do not, the file is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from dealcast.errors import EXAMPLES_SHOWN, SourceError, listed, quoted

CLEAR_MAJORITY = 0.95  # share of the deciding rows; the others are bad rows
READABLE_AT_LEAST = 0.5  # share of the rows; with less, the column is something else
AUTO = "auto"


class Place(NamedTuple):
    """Where columns stand, for messages: the file, its delimiter, our column: its name there."""

    file: str
    delimiter: str | None
    called: Mapping[str, str]

    def of(self, column: str) -> str:
        """The column in words.

        >>> Place("deals.csv", ",", {"close_date": "Closed On"}).of("close_date")
        "Column 'Closed On' of deals.csv"
        """
        return f"Column {quoted(self.called.get(column, column))} of {self.file}"


@dataclass(frozen=True)
class Notation:
    """A kind of cell, and the two styles it may be written in (style: what it means).

    `read` takes distinct values (`text`, and its `rows`) and a style, and adds a column of our
    notation for that style, or for both with `auto`; null where it cannot be read so.
    `tie` names the style where every value fits both, from the values and the delimiter.
    `neutral` is what a column is said to be in whose values are the same in both.
    """

    what: str
    styles: Mapping[str, str]
    flag: str
    hint: str
    read: Callable[[pl.DataFrame, str], pl.DataFrame]
    tie: Callable[[pl.DataFrame, str | None], str | None] = lambda _values, _delimiter: None
    neutral: str | None = None


def in_our_notation(
    frame: pl.DataFrame, columns: Sequence[str], notation: Notation, style: str, place: Place
) -> tuple[pl.DataFrame, dict[str, str]]:
    """The frame with these columns in our notation, and the style each one was found in.

    What the style of its column cannot read stays as it came. `style`: auto, or the one to use.
    Raises SourceError where the style cannot be decided, or a column is mostly unreadable.
    """
    read = {column: notation.read(_distinct(frame[column]), style) for column in columns}
    styles = _decided(read, notation, place) if style == AUTO else dict.fromkeys(read, style)
    for column, values in read.items():
        _refuse_unreadable(values, styles[column], notation, place.of(column))
    frame = frame.with_columns(
        _rewritten(frame[column], values, styles[column]) for column, values in read.items()
    )
    found = {
        c: styles[c] if _matters(v, notation, style) else notation.neutral for c, v in read.items()
    }
    return frame, {column: said for column, said in found.items() if said}


def _distinct(column: pl.Series) -> pl.DataFrame:
    counts = column.alias("text").drop_nulls().value_counts(name="rows")
    return counts.with_columns(pl.col("rows").cast(pl.Int64))


def _rewritten(column: pl.Series, values: pl.DataFrame, style: str) -> pl.Series:
    changed = values.filter(pl.col(style) != pl.col("text"))
    return column.replace(changed["text"], changed[style])


def _matters(values: pl.DataFrame, notation: Notation, style: str) -> bool:
    if style != AUTO:
        return True
    one, other = notation.styles
    return not values[one].equals(values[other])


def _decided(read: Mapping[str, pl.DataFrame], notation: Notation, place: Place) -> dict[str, str]:
    own = {c: _own_style(values, notation, place.of(c)) for c, values in read.items()}
    elsewhere = {style for style in own.values() if style}
    styles = {}
    for column, values in read.items():
        one, other = notation.styles
        doubtful = values.filter(pl.col(one) != pl.col(other))
        styles[column] = (
            own[column]
            or (one if doubtful.is_empty() else None)
            or (next(iter(elsewhere)) if len(elsewhere) == 1 else None)
            or notation.tie(doubtful, place.delimiter)
            or _refuse_doubtful(doubtful, notation, place.of(column))
        )
    return styles


def _own_style(values: pl.DataFrame, notation: Notation, column: str) -> str | None:
    """The style that the column itself decides on; None where every value fits both or neither."""
    one, other = notation.styles
    only = {
        style: values.filter(pl.col(style).is_not_null(), pl.col(not_so).is_null())
        for style, not_so in ((one, other), (other, one))
    }
    rows = {style: int(found["rows"].sum()) for style, found in only.items()}
    winner = max(rows, key=lambda style: rows[style])
    if not rows[winner]:
        return None
    if rows[winner] >= CLEAR_MAJORITY * sum(rows.values()):
        return winner
    kinds = " and ".join(
        f"{rows[style]:,} rows that only fit {notation.styles[style]} "
        f"({listed(found['text'], shown=2)})"
        for style, found in only.items()
    )
    raise SourceError(
        f"{column} mixes {notation.what}: {kinds}.",
        remedy=f"export it in one style, or choose with {notation.flag} "
        f"{' or '.join(notation.styles)}; what does not fit is set aside then",
    )


def _refuse_doubtful(doubtful: pl.DataFrame, notation: Notation, column: str) -> str:
    examples = listed(doubtful["text"].sort(), shown=EXAMPLES_SHOWN)
    meanings = " or ".join(notation.styles.values())
    choices = " or ".join(f"{notation.flag} {style}" for style in notation.styles)
    raise SourceError(
        f"{column} holds {notation.what} that fit {meanings}, and nothing in the file decides: "
        f"{examples}.",
        remedy=f"say which with {choices}",
    )


def _refuse_unreadable(values: pl.DataFrame, style: str, notation: Notation, column: str) -> None:
    unreadable = values.filter(pl.col(style).is_null())
    bad, every = int(unreadable["rows"].sum()), int(values["rows"].sum())
    if bad <= (1 - READABLE_AT_LEAST) * every:
        return
    meaning = notation.styles.get(style, style)
    examples = listed(unreadable.sort("rows", "text", descending=[True, False])["text"])
    raise SourceError(
        f"{column}: {bad:,} of {every:,} cells are no {notation.what} ({meaning}): {examples}.",
        remedy=notation.hint,
    )
