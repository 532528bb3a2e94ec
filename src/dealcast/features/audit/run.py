"""Ask every test of the candidates; the point-in-time features of the catalogue as such."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from dealcast.contracts import CrmTables
from dealcast.features.audit.candidates import Audited, Candidates
from dealcast.features.audit.checks import BANNED, TESTS
from dealcast.features.audit.facts import facts_of, snapshot_labels
from dealcast.features.audit.future import erase
from dealcast.features.audit.report import AuditReport
from dealcast.features.audit.spec import AuditRecord, LeakTest, group_of
from dealcast.features.build import KEY, build_features
from dealcast.features.selection import usable
from dealcast.features.spec import FeatureSpec, Leak
from dealcast.settings.tree import AuditSettings

# Snapshot dates that the features are looked at on, spread over the history.
DATES = 16


def audit(
    candidates: Candidates,
    settings: AuditSettings,
    *,
    seed: int,
    tests: Iterable[LeakTest] = TESTS,
) -> AuditReport:
    """The records of every test of every feature; audit.allow is not applied yet."""
    groups = group_of(candidates.groups)
    audited = Audited(candidates, settings, seed)
    records: list[AuditRecord] = []
    for test in tests:
        found = [
            AuditRecord.of(name, groups.get(name, name), test, finding, settings)
            for name, finding in test.ask(audited).items()
        ]
        records += found
        failed = {r.feature for r in found if r.outcome == "failed"}
        audited = audited.but(audited.suspects | failed)
    return AuditReport(tuple(records))


def audit_catalogue(  # noqa: PLR0913 - keywords from different parts of the run
    tables: CrmTables,
    snapshots: pl.DataFrame,
    specs: Sequence[FeatureSpec],
    *,
    as_of: date,
    settings: AuditSettings,
    horizon_days: int,
    fiscal_year_start_month: int = 1,
    seed: int = 0,
) -> AuditReport:
    """The leak gate for point-in-time features, on a sample of snapshots (contract Snapshots).

    Of `specs`, those that this export has data for are built and tested, banned ones listed as
    excluded by declaration. Raises LeakError where audit.allow names no such feature.
    """
    built = usable(tables, specs)
    keys = on_spread_dates(snapshots.select(KEY), settings.max_rows, seed)

    def build(known: CrmTables, keys: pl.DataFrame) -> pl.DataFrame:
        features = build_features(
            keys.lazy(), known, built, fiscal_year_start_month=fiscal_year_start_month
        )
        return features.sort(KEY).collect()

    frame = build(tables, keys)
    facts = facts_of(frame.select(KEY), tables, as_of=as_of, horizon_days=horizon_days)
    frame = frame[facts["row"].to_numpy()]
    erased = erase(
        frame,
        facts,
        tables,
        lambda known, day: build(known, frame.filter(snapshot_date=day).select(KEY)),
        dates=settings.rebuilt_dates,
        seed=seed,
    )
    candidates = Candidates(
        frame=frame,
        facts=facts,
        tables=tables,
        features=tuple(spec.name for spec in built),
        labels=snapshot_labels(horizon_days),
        groups=_by_entity(built),
        erased=erased,
    )
    report = AuditReport(_banned(specs)).together_with(audit(candidates, settings, seed=seed))
    return report.allowing(settings.allow)


def on_spread_dates(keys: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """At most so many of the snapshots, on dates spread over the whole history."""
    every = keys["snapshot_date"].unique().sort()
    places = (np.arange(min(DATES, len(every))) + 0.5) / DATES * len(every)
    wanted = every.gather(places.astype(np.int64)) if len(every) > DATES else every
    rows = keys.filter(pl.col("snapshot_date").is_in(wanted.implode()))
    return rows.sort(KEY).sample(min(most, rows.height), seed=seed)


def _by_entity(specs: Iterable[FeatureSpec]) -> Mapping[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        groups[spec.entity] = (*groups.get(spec.entity, ()), spec.name)
    return groups


def _banned(specs: Iterable[FeatureSpec]) -> tuple[AuditRecord, ...]:
    return tuple(
        AuditRecord(
            feature=spec.name,
            group=spec.entity,
            test=BANNED,
            title="Banned by declaration in the catalogue",
            figure=None,
            threshold=None,
            outcome="banned",
            note=spec.reason,
            remedy="leave it out: it stands in the catalogue so that nobody adds it again",
        )
        for spec in specs
        if spec.leak is Leak.BANNED
    )
