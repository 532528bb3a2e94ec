"""What is audited: features beside what really happened to each of their rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl

from dealcast.contracts import CrmTables
from dealcast.features.audit.coding import coded, plain
from dealcast.features.audit.facts import Label
from dealcast.features.audit.spec import Bools, Ints, NotApplicable
from dealcast.settings.tree import AuditSettings


@dataclass(frozen=True, eq=False)
class Erased:
    """The features of the rows open on one day: as they are, and rebuilt from what was known then.

    `now` and `then` have the same rows in the same order.
    """

    day: date
    now: pl.DataFrame
    then: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Candidates:
    """Features to audit: one row per opportunity, or per opportunity and snapshot date.

    `frame` has the columns `features`, and row for row `facts` (facts.py) says what happened.
    `groups` holds each feature once. `erased` is empty where nothing lay in the future, or says
    why the future cannot be erased.
    """

    frame: pl.DataFrame
    facts: pl.DataFrame
    tables: CrmTables
    features: tuple[str, ...]
    labels: tuple[Label, ...]
    groups: Mapping[str, tuple[str, ...]]
    erased: tuple[Erased, ...] | NotApplicable

    def sampled(self, most: int, seed: int) -> "Candidates":
        """At most so many rows, the same ones for the same seed."""
        if self.frame.height <= most:
            return self
        drawn = np.random.default_rng(seed).permutation(self.frame.height)[:most]
        drawn.sort()
        return replace(self, frame=self.frame[drawn], facts=self.facts[drawn])


@dataclass(frozen=True, eq=False)
class Audited:
    """What a test is asked with: a sample of the candidates as plain values and codes.

    `suspects` are features that failed an earlier test.
    """

    everything: Candidates
    settings: AuditSettings
    seed: int
    suspects: frozenset[str] = frozenset()

    @cached_property
    def candidates(self) -> Candidates:
        """The rows that are looked at."""
        return self.everything.sampled(self.settings.max_rows, self.seed)

    @cached_property
    def values(self) -> dict[str, pl.Series]:
        """Text or floats of each feature that holds such."""
        found = plain(self.candidates.frame.select(self.candidates.features))
        return dict(zip(found.columns, found, strict=True))

    @cached_property
    def codes(self) -> dict[str, Ints]:
        """Codes of the same features."""
        return coded(pl.DataFrame(self.values))

    @cached_property
    def folds(self) -> Ints:
        """0 or 1 for each row; an opportunity is in one of them with all its rows."""
        ids = self.candidates.facts["opportunity_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
        coins = np.random.default_rng(self.seed).permutation(ids.max(initial=-1) + 1) % 2
        return np.asarray(coins[ids], dtype=np.int64)

    @cached_property
    def one_each(self) -> Ints:
        """Positions of one row of each opportunity, drawn at random: independent rows."""
        rows = self.candidates.facts.select("opportunity_id").with_row_index("at")
        drawn = rows.sample(fraction=1.0, shuffle=True, seed=self.seed)
        return drawn.unique("opportunity_id", keep="first")["at"].sort().cast(pl.Int64).to_numpy()

    @cached_property
    def closed(self) -> Bools:
        """Whether each row's opportunity closed by the export's end."""
        return self.candidates.facts["is_closed"].to_numpy()

    @cached_property
    def strata(self) -> Ints:
        """The stratum of each row."""
        return self.candidates.facts["stratum"].to_numpy()

    def but(self, suspects: frozenset[str]) -> "Audited":
        """The same with these suspects; what was computed is kept."""
        again = replace(self, suspects=suspects)
        for name in ("candidates", "values", "codes", "folds", "one_each", "closed", "strata"):
            if name in self.__dict__:
                again.__dict__[name] = self.__dict__[name]
        return again
