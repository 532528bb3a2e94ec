"""What the CRM shows of the outcomes on the last day of the export: codes, and their text.

Each cell is a number first (a position in a list of texts, a day, an amount), so that ten million
rows fit in memory and dirt can be done to whole columns; text is made while writing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dealcast.contracts import STAGES
from dealcast.settings import SampleSource
from dealcast.sources.sample.company import ACCOUNTS, AGENTS, PRODUCTS
from dealcast.sources.sample.rates import ACCOUNT_BLANK_WHILE_OPEN, Ints
from dealcast.sources.sample.world import Outcomes

Codes = dict[str, NDArray[np.integer]]
"""The columns of the export, by name. Texts: code = way of writing * number of names + name."""

BLANK, GARBLED = -1, -2
GARBLED_TEXT = {"deal_stage": "Nurturing", "close_date": "soon", "close_value": "tba"}

NAMES: Mapping[str, Sequence[str]] = {
    "sales_agent": AGENTS,
    "product": [product.name for product in PRODUCTS],
    "account": ACCOUNTS,
    "deal_stage": STAGES,
}
_AS_IT_IS: Callable[[str], str] = str
_PADDED = (_AS_IT_IS, " {}".format, "{} ".format)
# How a name may be written: the first is right, dirt makes the others.
WAYS: Mapping[str, Sequence[Callable[[str], str]]] = {
    "sales_agent": _PADDED,
    "product": (
        _AS_IT_IS,
        lambda name: name.replace(" ", ""),
        lambda name: name.replace(" ", "-"),
        str.lower,
    ),
    "account": _PADDED,
    "deal_stage": (_AS_IT_IS,),
}

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGIT_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_ID_BITS = 40


def record(outcomes: Outcomes, settings: SampleSource, rng: np.random.Generator) -> Codes:
    """The export's rows, clean: an open opportunity has no close, and mostly no account."""
    closed = ~outcomes.prospecting & (outcomes.closed < settings.days)
    unnamed = np.zeros(len(outcomes), dtype=bool)
    if settings.account_blank_while_open:
        unnamed = ~closed & (rng.random(len(outcomes)) < ACCOUNT_BLANK_WHILE_OPEN)
    open_stage = np.where(outcomes.prospecting, _stage("Prospecting"), _stage("Engaging"))
    closed_stage = np.where(outcomes.won, _stage("Won"), _stage("Lost"))
    return {
        "opportunity_id": _scattered(outcomes.row, settings.seed),
        "sales_agent": outcomes.agent.astype(np.int16),
        "product": outcomes.product.astype(np.int16),
        "account": np.where(unnamed, BLANK, outcomes.account).astype(np.int16),
        "deal_stage": np.where(closed, closed_stage, open_stage).astype(np.int16),
        "engage_date": np.where(outcomes.prospecting, BLANK, outcomes.engaged).astype(np.int32),
        "close_date": np.where(closed, outcomes.closed, BLANK).astype(np.int32),
        "close_value": np.where(closed, outcomes.value, BLANK).astype(np.int32),
    }


def opportunity_ids(outcomes: Outcomes, settings: SampleSource) -> pl.Series:
    """The opportunity_id of each outcome: eight characters, unique in the sample."""
    numbers = pl.LazyFrame({"opportunity_id": _scattered(outcomes.row, settings.seed)})
    return numbers.select(_id_text()).collect().to_series()


def as_text(codes: pl.LazyFrame, settings: SampleSource) -> pl.LazyFrame:
    """The export's rows as text: dates as YYYY-MM-DD, amounts as whole USD, null where blank."""
    days = _dates(settings.start, settings.days)
    texts = {
        column: [write(name) for write in WAYS[column] for name in names]
        for column, names in NAMES.items()
    }
    return codes.select(
        _id_text(),
        *(_listed(column, known) for column, known in texts.items()),
        *(_listed(column, days) for column in ("engage_date", "close_date")),
        _written("close_value", pl.col("close_value").cast(pl.String)),
    )


def _stage(name: str) -> int:
    return STAGES.index(name)


def _scattered(row: Ints, seed: int) -> Ints:
    """Distinct numbers below 2**40 in no visible order: each step is a permutation of 40 bits."""
    mask, half = np.uint64(2**_ID_BITS - 1), np.uint64(_ID_BITS // 2)
    number = row.astype(np.uint64) + np.uint64(seed * 0x9E3779B1 % 2**_ID_BITS)
    for odd in (np.uint64(0x5851F42D4D), np.uint64(0xA3B195354B)):
        number = (number * odd) & mask
        number ^= number >> half
    return number.astype(np.int64)


def _id_text() -> pl.Expr:
    number = pl.col("opportunity_id")
    pairs = [
        _texts((number // 1296**place % 1296).cast(pl.Int16), _DIGIT_PAIRS)
        for place in (3, 2, 1, 0)
    ]
    return pl.when(number >= 0).then(pl.concat_str(pairs)).alias("opportunity_id")


def _listed(column: str, known: Sequence[str]) -> pl.Expr:
    code = pl.col(column)
    return _written(column, _texts(pl.when(code >= 0).then(code), known))


def _texts(code: pl.Expr, known: Sequence[str]) -> pl.Expr:
    return code.cast(pl.UInt32).cat.to(pl.Enum(known)).cast(pl.String)


def _written(column: str, text: pl.Expr) -> pl.Expr:
    code = pl.col(column)
    garbled = pl.lit(GARBLED_TEXT.get(column), dtype=pl.String)
    return pl.when(code >= 0).then(text).when(code == GARBLED).then(garbled).alias(column)


def _dates(start: date, days: int) -> list[str]:
    return [str(day) for day in np.datetime64(start, "D") + np.arange(days)]
