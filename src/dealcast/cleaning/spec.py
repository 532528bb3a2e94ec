"""The vocabulary of cleaning: a rule either repairs cells or sets rows aside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

Action = Literal["repair", "set aside"]


@dataclass(frozen=True)
class Context:
    """What a repair may know besides the rows.

    `present` are the columns that the export has, `keys` the clean dimension keys by the column
    of an opportunity that names them.
    """

    table: str
    present: frozenset[str]
    spelling: Mapping[str, str]
    corrections: pl.DataFrame | None = None
    keys: Mapping[str, pl.Series] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Repair:
    """A rule that mends cells. `repair` gives the same rows in the same order."""

    code: str
    title: str
    does: str
    tables: tuple[str, ...]
    repair: Callable[[pl.DataFrame, Context], pl.DataFrame] = field(repr=False)
    action: Action = "repair"


@dataclass(frozen=True, eq=False)
class SetAside:
    """A rule that sets rows aside, each with an explanation and, where there is one, a fix.

    All fields below `does` are expressions over the repaired text and its marks (quarantine.py).
    `fix_column` and `fix_value` are filled only where one cell's change would mend the row.
    """

    code: str
    title: str
    does: str
    tables: tuple[str, ...]
    fails: pl.Expr = field(repr=False)
    explains: pl.Expr = field(repr=False)
    suggests: pl.Expr = field(repr=False)
    fix_column: pl.Expr = field(default=pl.lit(None, pl.String), repr=False)
    fix_value: pl.Expr = field(default=pl.lit(None, pl.String), repr=False)
    action: Action = "set aside"


Rule = Repair | SetAside
