"""Opportunities that are alike in all that counts for never closing: each kind is computed once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dealcast.modeling.history import History
from dealcast.modeling.traits import BoolArray, FloatArray, combined, first_of_each
from dealcast.snapshots import DayArray


@dataclass(frozen=True, eq=False)
class Alike:
    """The kinds of a history.

    Of one `prior` are those of the same groups (`codes`: by level, each of so many `groups`, the
    last one for those of no known group) that were seen from their first day on, or engaged and
    closing alike: as many as `count`, of which `closed` have. `first` is one of them. Those still
    open are told apart by how long they have been: `open_prior`, `open_count` and `open_first` are
    the same for these kinds. In an order that does not depend on that of the opportunities.
    """

    codes: tuple[DayArray, ...]
    groups: tuple[int, ...]
    count: FloatArray
    closed: FloatArray
    first: DayArray
    open_prior: DayArray
    open_count: FloatArray
    open_first: DayArray
    _open_kind: DayArray
    _still_open: BoolArray

    @classmethod
    def of(cls, history: History, levels: Sequence[Sequence[str]], apart: Sequence[str]) -> "Alike":
        """The kinds by these levels; `apart`: names of which speed depends."""
        groups = [history.traits.groups(of) for of in levels]
        pace = [history.engaged, *(history.traits.groups([name]).code for name in apart)]
        late = history.entered > history.engaged
        # How long one took that was seen from its first day on says nothing of its prior.
        prior = combined([*(g.code for g in groups), *(np.where(late, p, -1) for p in pace)])
        first = first_of_each(prior)
        still_open = ~history.is_closed
        opened = np.flatnonzero(still_open)
        kind = combined([prior[opened], *(p[opened] for p in pace)])
        open_first = opened[first_of_each(kind)]
        return cls(
            codes=tuple(g.code[first] for g in groups),
            groups=tuple(len(g.names) + 1 for g in groups),
            count=_counts(prior, len(first)),
            closed=_counts(prior[~still_open], len(first)),
            first=first,
            open_prior=prior[open_first],
            open_count=_counts(kind, len(open_first)),
            open_first=open_first,
            _open_kind=kind,
            _still_open=still_open,
        )

    def spread(self, of_open_kinds: FloatArray) -> FloatArray:
        """What is said of the kinds still open, for each opportunity; 0 of those that closed."""
        each = np.zeros(len(self._still_open))
        each[self._still_open] = of_open_kinds[self._open_kind]
        return each


def _counts(code: DayArray, count: int) -> FloatArray:
    return np.bincount(code, minlength=count).astype(np.float64)
