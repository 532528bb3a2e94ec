"""Tables that the tests of the leak gate start from."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.features.audit.candidates import Audited, Candidates
from dealcast.features.audit.facts import Label
from dealcast.features.audit.spec import NotApplicable
from dealcast.settings import FeatureSettings
from dealcast.settings import SampleSource as SampleSettings
from dealcast.settings.tree import AuditSettings
from dealcast.snapshots import build_snapshots, snapshot_dates
from dealcast.sources.sample import World, dimension_tables, sales_pipeline

Generated = tuple[CrmTables, pl.DataFrame, date]


@cache
def _generated(opportunities: int, seed: int, signal: float, *, blank: bool) -> Generated:
    settings = SampleSettings(
        opportunities=opportunities,
        seed=seed,
        signal=signal,
        dirt=0.0,
        account_blank_while_open=blank,
    )
    rows = sales_pipeline(World(settings), threads=1).with_columns(
        pl.col("engage_date", "close_date").str.to_date(), pl.col("close_value").cast(pl.Float64)
    )
    dimensions = dimension_tables(settings)
    dimensions["sales_agents"] = dimensions.pop("sales_teams")
    tables = CrmTables.validate({"opportunities": rows, **dimensions}, cast=True)
    as_of = settings.start + timedelta(days=settings.days - 1)
    dates = snapshot_dates(tables.opportunities, FeatureSettings(), as_of=as_of)
    return tables, build_snapshots(tables.opportunities, dates, as_of=as_of).collect(), as_of


@pytest.fixture(scope="session")
def generated() -> Callable[..., Generated]:
    """Clean generated tables, their snapshots, and the export's last day."""

    def of(
        opportunities: int = 3_000, seed: int = 7, signal: float = 0.0, *, blank: bool = True
    ) -> Generated:
        return _generated(opportunities, seed, signal, blank=blank)

    return of


@pytest.fixture
def audited() -> Callable[..., Audited]:
    """What a test is asked with: columns of features, of rows of one age, by default half won."""

    def of(
        features: dict[str, list[object]],
        *,
        is_closed: list[bool] | None = None,
        won: list[int | None] | None = None,
        stratum: list[int] | None = None,
        suspects: frozenset[str] = frozenset(),
        **settings: float,
    ) -> Audited:
        frame = pl.DataFrame(features)
        n = frame.height
        facts = pl.DataFrame(
            {
                "opportunity_id": [f"o{i}" for i in range(n)],
                "is_closed": is_closed or [True] * n,
                "won": won or [i % 2 for i in range(n)],
                "stratum": stratum or np.zeros(n, dtype=np.int64),
            }
        )
        candidates = Candidates(
            frame=frame,
            facts=facts,
            tables=CrmTables.create_empty(),
            features=tuple(features),
            labels=(Label("won", "won"),),
            groups={"all": tuple(features)},
            erased=NotApplicable("no rebuild"),
        )
        return Audited(candidates, AuditSettings(**settings), 0, suspects)

    return of
