"""Opportunities that are alike in all that counts for never closing: each kind is computed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from dealcast.modeling.history import History
from dealcast.modeling.traits import BoolArray, FloatArray
from dealcast.snapshots import DayArray


@dataclass(frozen=True, eq=False)
class Alike:
    """The kinds of a history.

    Of one `prior` are those of the same groups (`codes`: by level) that were seen from their first
    day on, or engaged and closing alike: as many as `count`, of which `closed` have. `first` is
    one of them. Those still open are told apart by how long they have been: `open_prior`,
    `open_count` and `open_first` are the same for these kinds. In an order that does not depend
    on that of the opportunities.
    """

    codes: tuple[DayArray, ...]
    count: FloatArray
    closed: FloatArray
    first: DayArray
    open_prior: DayArray
    open_count: FloatArray
    open_first: DayArray
    _groups: tuple["_Sums", ...]
    _priors: "_Sums"
    _open_rows: pl.DataFrame
    _open_kinds: pl.DataFrame
    _still_open: BoolArray

    @classmethod
    def of(cls, history: History, levels: Sequence[Sequence[str]], apart: Sequence[str]) -> "Alike":
        """The kinds by these levels; `apart`: names of which speed depends."""
        level = [f"level_{i}" for i in range(len(levels))]
        pace = ["since", *(f"pace_{name}" for name in apart)]
        groups = [history.traits.groups(of) for of in (*levels, *([name] for name in apart))]
        codes = dict(zip([*level, *pace[1:]], (g.code for g in groups), strict=True))
        still_open = ~history.is_closed
        late = pl.Series(history.entered > history.engaged)
        rows = pl.DataFrame({"since": history.engaged, **codes, "is_open": still_open})
        # How long one took that was seen from its first day on says nothing of its prior.
        rows = rows.with_row_index("row").with_columns(
            pl.when(late).then(name).otherwise(-1).alias(f"late_{name}") for name in pace
        )
        key = [*level, *(f"late_{name}" for name in pace)]
        counted = {"count": pl.len().cast(pl.Float64), "first": pl.col("row").min().cast(pl.Int64)}
        priors = (
            rows.group_by(key)
            .agg(**counted, closed=(~pl.col("is_open")).sum().cast(pl.Float64))
            .sort(key)
            .with_row_index("prior")
        )
        opened = rows.filter("is_open")
        kinds = opened.group_by([*key, *pace]).agg(**counted).sort([*key, *pace])
        place = kinds.select(key).join(priors, on=key, how="left", maintain_order="left")["prior"]
        prior = place.cast(pl.Int64).to_numpy()
        by_level = tuple(priors[name].to_numpy() for name in level)
        return cls(
            codes=by_level,
            _groups=tuple(
                _Sums.of(code, len(g.names) + 1) for code, g in zip(by_level, groups, strict=False)
            ),
            _priors=_Sums.of(prior, priors.height),
            count=priors["count"].to_numpy(),
            closed=priors["closed"].to_numpy(),
            first=priors["first"].to_numpy(),
            open_prior=prior,
            open_count=kinds["count"].to_numpy(),
            open_first=kinds["first"].to_numpy(),
            _open_rows=opened.select([*level, *pace]),
            _open_kinds=kinds.select([*level, *pace]),
            _still_open=still_open,
        )

    def by_group(self, level: int, of_priors: FloatArray) -> FloatArray:
        """Sums by group of a level, of what is said of the priors (columns)."""
        return self._groups[level].of_each(of_priors)

    def by_prior(self, of_open_kinds: FloatArray) -> FloatArray:
        """Sums by prior of what is said of the kinds still open."""
        return self._priors.of_each(of_open_kinds)

    def spread(self, of_open_kinds: FloatArray) -> FloatArray:
        """What is said of the kinds still open, for each opportunity; 0 of those that closed."""
        each = np.zeros(len(self._still_open))
        each[self._still_open] = of_open_kinds[self._open_kind]
        return each

    @cached_property
    def _open_kind(self) -> DayArray:
        """The kind of each one that is still open."""
        key = self._open_kinds.columns
        numbered = self._open_kinds.with_row_index("kind")
        found = self._open_rows.join(numbered, on=key, how="left", maintain_order="left")["kind"]
        kinds: DayArray = found.cast(pl.Int64).to_numpy()
        return kinds


@dataclass(frozen=True, eq=False)
class _Sums:
    """How to add up what is said of columns, by their code: put in order once, for many times."""

    order: DayArray | None
    starts: DayArray
    present: DayArray | slice
    count: int

    @classmethod
    def of(cls, code: DayArray, count: int) -> "_Sums":
        order = None if (np.diff(code) >= 0).all() else np.argsort(code, kind="stable")
        ordered = code if order is None else code[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        present = ordered[starts]
        is_all = len(present) > 0 and present[-1] == len(present) - 1
        return cls(order, starts, slice(len(present)) if is_all else present, count)

    def of_each(self, numbers: FloatArray) -> FloatArray:
        sums = np.zeros((*numbers.shape[:-1], self.count))
        if len(self.starts):
            ordered = numbers if self.order is None else numbers.take(self.order, axis=-1)
            sums[..., self.present] = np.add.reduceat(ordered, self.starts, axis=-1)
        return sums
