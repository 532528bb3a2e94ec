"""What has been known of opportunities since they were engaged, and the groups they fall into."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.snapshots import DayArray, day_number

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

# What tells groups of opportunities apart, besides the cohort.
ENTITIES = ("sales_agent", "product", "account")
COHORT = "cohort"
COHORT_DAYS = 14
# Names that are told apart without a query (count).
_FEW = 100
_SEPARATOR = "\x1f"
# Numbers are counted where no more places than these are needed: by number, and at most (where
# there are fewer numbers than that).
_ROOM, _LARGEST_ROOM = 16, 1_000_000


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of opportunities: their names, sorted, and the group of each one.

    Those of no known group share the last place, which is beyond the names.
    """

    names: list[str]
    code: DayArray

    def take(self, at: DayArray) -> "Groups":
        """Those of these positions, without the groups of which none is left."""
        code = self.code[at]
        left = np.bincount(code, minlength=len(self.names) + 1)[:-1] > 0
        place: DayArray = np.cumsum(left) - left
        names = [name for name, is_left in zip(self.names, left.tolist(), strict=True) if is_left]
        return Groups(names, np.append(place, len(names))[code])


@dataclass(frozen=True, eq=False)
class Traits:
    """What has been known of opportunities since they were engaged, one element each.

    `engaged`: day numbers. `names`: who sells, what, to whom (String; null: not known); an
    entity may be missing altogether.
    """

    engaged: DayArray
    names: Mapping[str, pl.Series] = field(default_factory=dict)
    _from: "tuple[Traits, DayArray] | None" = field(default=None, repr=False)
    _groups: dict[tuple[str, ...], Groups] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.engaged)

    def group(self, of: Sequence[str]) -> pl.Series:
        """The name of each one's group; null where a part of it is not known.

        >>> traits = Traits(np.array([17_000]), {"sales_agent": pl.Series(["Ann"])})
        >>> traits.group(["sales_agent"]).to_list(), traits.group(["product"]).to_list()
        (['Ann'], [None])
        """
        parts = [self._part(name) for name in of]
        if len(parts) == 1:
            return parts[0]
        return pl.select(pl.concat_str(*parts, separator=_SEPARATOR)).to_series()

    def groups(self, of: Sequence[str]) -> Groups:
        """The groups by these names; told apart once, however often and of which part asked for."""
        key = tuple(of)
        if key not in self._groups:
            self._groups[key] = self._told_apart(key)
        return self._groups[key]

    def take(self, rows: BoolArray | DayArray) -> "Traits":
        """Those at these positions, or where this mask is true."""
        at: DayArray = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows  # type: ignore[assignment]
        engaged = self.engaged[at]
        # Of the whole, so that groups of parts of parts are not found on the way.
        whole, place = (self, at) if self._from is None else (self._from[0], self._from[1][at])
        return Traits(engaged, _Taken(whole.names, place), _from=(whole, place))

    def _told_apart(self, of: tuple[str, ...]) -> Groups:
        if self._from is not None:
            whole, at = self._from
            return whole.groups(of).take(at)
        if len(of) > 1:
            return _joined([self.groups([name]) for name in of])
        if of == (COHORT,):
            cohorts, place = distinct(self.engaged // COHORT_DAYS)
            return _sorted_by_name([str(cohort) for cohort in cohorts.tolist()], place)
        names = self._part(of[0])
        if len(names) <= _FEW:
            return _of_few(names.to_list())
        return _of_many(names)

    def _part(self, name: str) -> pl.Series:
        if name == COHORT:
            return pl.Series(self.engaged // COHORT_DAYS).cast(pl.String)
        if name in self.names:
            return self.names[name]
        return pl.repeat(None, len(self), dtype=pl.String, eager=True)


def _of_few(each: list[str | None]) -> Groups:
    """The same as by a query, which takes longer to begin than this to end."""
    names = sorted({name for name in each if name is not None})
    code = {name: at for at, name in enumerate(names)}
    return Groups(
        names, np.array([len(names) if n is None else code[n] for n in each], dtype=np.int64)
    )


def _of_many(each: pl.Series) -> Groups:
    """The same, where equal names are found first, so that only the distinct are put in order."""
    numbered = each.cast(pl.Categorical(pl.Categories.random())).to_physical()
    numbers, place = distinct(numbered.cast(pl.Int64).fill_null(-1).to_numpy())
    unknown = int(len(numbers) > 0 and numbers[0] == -1)
    names = each[first_of_each(place)[unknown:]]
    return _sorted_by_name(names.to_list(), place - unknown)


def distinct(numbers: DayArray) -> tuple[DayArray, DayArray]:
    """The distinct numbers in order, and the place of each among them.

    Counted where they lie close together, as days do: sorting many takes much longer.
    """
    low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
    if high - low > max(len(numbers), min(_ROOM * len(numbers), _LARGEST_ROOM)):
        values, place = np.unique(numbers, return_inverse=True)
        return values, place
    there = np.bincount(numbers - low) > 0
    places: DayArray = np.cumsum(there) - 1
    return np.flatnonzero(there) + low, places[numbers - low]


def combined(parts: Sequence[DayArray]) -> DayArray:
    """The place of each one's combination of numbers (one part or more) among the distinct ones.

    In the order of the first part, then of the second, and so on.

    >>> combined([np.array([7, 5, 7, 7]), np.array([1, 2, 1, 0])]).tolist()
    [2, 0, 2, 1]
    """
    if len(parts[0]) == 1:
        # A single one is asked for by somebody who waits.
        return np.zeros(1, dtype=np.int64)
    _, place = distinct(parts[0])
    for part in parts[1:]:
        values, code = distinct(part)
        _, place = distinct(place * len(values) + code)
    return place


def first_of_each(place: DayArray) -> DayArray:
    """The position of the first one at each place, as many as there are places.

    >>> first_of_each(np.array([2, 0, 2, 1])).tolist()
    [1, 3, 0]
    """
    first = np.empty(place.max(initial=-1) + 1, dtype=np.int64)
    first[place[::-1]] = np.arange(len(place))[::-1]
    return first


def _joined(parts: Sequence[Groups]) -> Groups:
    """Groups by all of these together; of none where one of them is not known."""
    number, is_known = parts[0].code, parts[0].code < len(parts[0].names)
    for part in parts[1:]:
        number = number * (len(part.names) + 1) + part.code
        is_known = is_known & (part.code < len(part.names))
    number = np.where(is_known, number, -1)
    numbers, place = distinct(number)
    unknown = int(len(numbers) > 0 and numbers[0] == -1)
    names, left = [], numbers[unknown:]
    for part in reversed(parts):
        left, code = np.divmod(left, len(part.names) + 1)
        names.append([part.names[c] for c in code.tolist()])
    together = [_SEPARATOR.join(each) for each in zip(*reversed(names), strict=True)]
    # -1 where a part is not known: the last place of the groups sorted.
    return _sorted_by_name(together, place - unknown)


def _sorted_by_name(names: list[str], place: DayArray) -> Groups:
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names) + 1, dtype=np.int64)
    rank[order], rank[-1] = np.arange(len(names)), len(names)
    return Groups([names[i] for i in order], rank[place])


class _Taken(Mapping[str, pl.Series]):
    """Names at some positions, taken where they are asked for: most of them never are."""

    def __init__(self, names: Mapping[str, pl.Series], at: DayArray) -> None:
        self._names, self._at, self._taken = names, at, dict[str, pl.Series]()

    def __getitem__(self, name: str) -> pl.Series:
        if name not in self._taken:
            self._taken[name] = self._names[name].gather(self._at)
        return self._taken[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def traits_of(rows: pl.DataFrame) -> Traits:
    """The traits of rows with an engage date and names of entities."""
    names = [name for name in ENTITIES if name in rows.columns]
    return Traits(day_number(rows["engage_date"].to_numpy()), {name: rows[name] for name in names})
