"""The vocabulary a feature is declared in: entity, lens, measure, leak status.

A feature reads columns through `col`, which its lens supplies, as in `lambda col: col("won")`:
so the lens can refuse a column, and what a feature needs follows from what it reads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import narwhals as nw

from dealcast.errors import ModelError
from dealcast.features.columns import COLUMNS, ENTITIES, DType, Known, Lens

Expression = Callable[[Callable[[str], nw.Expr]], nw.Expr]


class Leak(StrEnum):
    """Whether the outcome leaks through a feature.

    SAFE: proved by the audit. UNDATED: the source does not say since when the value holds; by
    default not in the model. BANNED: known only after the close, listed so that nobody adds it.
    """

    SAFE = "safe"
    UNDATED = "undated"
    BANNED = "banned"


@dataclass(frozen=True, eq=False)
class Total:
    """An expression added up over opportunities; a null adds nothing.

    It is added up in whole units of 10^-decimals: then neither the order of the rows nor the
    engine changes the result, and nothing remains of what has left a window.
    """

    of: Expression
    decimals: int

    def __str__(self) -> str:
        return f"sum({self.of(nw.col)!r}, {self.decimals})"


@dataclass(frozen=True, eq=False)
class Measure:
    """A total, or its ratio to another (`per`), over the opportunities that the lens shows.

    `prior_strength` shrinks a ratio: it weighs like so many units of `per` that have the ratio of
    all opportunities together on the same date, as James-Stein and empirical Bayes rates do.

    >>> won = Measure.count(where=lambda col: col("won") == 1)
    >>> print(Measure.ratio(won, Measure.count(), prior_strength=20))
    sum(col(won).__eq__(1), 0) / sum(lit(value=1, dtype=None), 0), prior 20
    """

    total: Total
    per: Total | None = None
    prior_strength: float = 0.0

    @classmethod
    def count(cls, where: Expression | None = None) -> "Measure":
        """How many opportunities there are, or how many of them meet a condition."""
        return cls(Total(where or (lambda _: nw.lit(1)), decimals=0))

    @classmethod
    def sum(cls, of: Expression, *, decimals: int = 2) -> "Measure":
        """The sum of an expression, each term rounded to so many decimals."""
        return cls(Total(of, decimals))

    @classmethod
    def ratio(
        cls, numerator: "Measure", denominator: "Measure", *, prior_strength: float = 0.0
    ) -> "Measure":
        """One total per unit of another; null while there is nothing to divide by."""
        return cls(numerator.total, denominator.total, prior_strength)

    @property
    def totals(self) -> tuple[Total, ...]:
        """The total, or numerator and denominator."""
        return (self.total,) if self.per is None else (self.total, self.per)

    def __str__(self) -> str:
        text = " / ".join(str(t) for t in self.totals)
        return text + (f", prior {self.prior_strength:g}" if self.prior_strength else "")


_AVAILABLE: dict[Lens, str] = {
    Lens.ROW: "on the snapshot date",
    Lens.CLOSED: "from closes before the snapshot date",
    Lens.OPEN: "from what is open on the snapshot date",
    Lens.EXPORT: "from the whole export, future included",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureSpec:
    """One point-in-time feature.

    ROW features have an `expr` over one row; all others a `measure` over the opportunities of
    `entity`, in the last `window_days` where given. `reason` says why a BANNED one is banned.

    >>> age = FeatureSpec(
    ...     name="age_days", entity="opportunity", dtype=nw.Int32, unit="days",
    ...     meaning="Days since engaging.", lens=Lens.ROW, leak=Leak.SAFE,
    ...     expr=lambda col: col("snapshot_day") - col("engage_day"),
    ... )
    >>> sorted(age.reads), age.available
    (['engage_day', 'snapshot_day'], 'on the snapshot date')
    """

    name: str
    entity: str
    dtype: DType
    unit: str
    meaning: str
    lens: Lens
    leak: Leak
    expr: Expression | None = None
    measure: Measure | None = None
    window_days: int | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        wrong = [told for told, is_wrong in self._mistakes() if is_wrong]
        if wrong:
            raise ModelError(
                f"Feature '{self.name}' {wrong[0]}.", remedy="mend its entry in the catalogue"
            )

    def _mistakes(self) -> tuple[tuple[str, bool], ...]:
        one_row = self.lens is Lens.ROW
        return (
            (f"is of unknown entity '{self.entity}'", self.entity not in ENTITIES),
            (
                "must have either an expr or a measure",
                (self.expr is None) is (self.measure is None),
            ),
            ("sees one row, so it has an expr, no measure", one_row and self.expr is None),
            ("sees many rows, so it has a measure, no expr", not one_row and self.expr is not None),
            ("has a window but no measure", self.window_days is not None and one_row),
            ("has an empty window", self.window_days is not None and self.window_days < 1),
            ("is banned without a reason", self.leak is Leak.BANNED and not self.reason),
        )

    @property
    def totals(self) -> tuple[Total, ...]:
        """What a measure adds up: a total, or numerator and denominator; empty for ROW."""
        return () if self.measure is None else self.measure.totals

    @property
    def prior_strength(self) -> float:
        """How strongly a ratio leans on that of everyone; 0 for all else."""
        return 0.0 if self.measure is None else self.measure.prior_strength

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Every expression over columns in it."""
        return tuple(t.of for t in self.totals) if self.expr is None else (self.expr,)

    @property
    def reads(self) -> frozenset[str]:
        """Columns that it reads, with the one that tells the entity of a measure."""
        key = {ENTITIES[self.entity]} & set(COLUMNS) if self.totals else set()
        return frozenset(key).union(*(columns_read(e) for e in self.expressions))

    @property
    def needs(self) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs without which it is not available."""
        read = (COLUMNS[name] for name in self.reads if name in COLUMNS)
        return frozenset((c.table, c.source) for c in read if c.table != "snapshots")

    @property
    def available(self) -> str:
        """When the value is known, in words."""
        if self.leak is Leak.BANNED and self.lens is not Lens.EXPORT:
            return str(Known.CLOSING)
        if self.leak is Leak.UNDATED:
            return str(Known.UNDATED)
        return _AVAILABLE[self.lens]

    @property
    def definition(self) -> str:
        """What is computed, in one line that is the same on every run."""
        window = f"{self.window_days} days" if self.window_days else "all time"
        what = str(self.measure) if self.expr is None else repr(self.expr(nw.col))
        return f"{self.name} {self.dtype.__name__}: {self.entity}, {self.lens}, {window}: {what}"


def columns_read(expression: Expression) -> frozenset[str]:
    """Names of the columns that an expression asks its lens for."""
    read: set[str] = set()

    def col(name: str) -> nw.Expr:
        read.add(name)
        return nw.col(name)

    expression(col)
    return frozenset(read)
