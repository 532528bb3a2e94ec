"""The leak gate for a table of features: crm_features, or one that a user brings."""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from dealcast.contracts import CrmTables
from dealcast.errors import LeakError, listed
from dealcast.features.audit.candidates import Candidates, Erased
from dealcast.features.audit.facts import OPPORTUNITY_LABELS, facts_of, last_day, snapshot_labels
from dealcast.features.audit.future import Rebuild, erase
from dealcast.features.audit.report import AuditReport
from dealcast.features.audit.run import audit
from dealcast.features.audit.spec import NotApplicable
from dealcast.features.build import KEY
from dealcast.features.descriptive import TARGETS, engineer
from dealcast.features.transforms import FittedTransforms
from dealcast.settings.tree import AuditSettings


def audit_table(  # noqa: PLR0913 - keywords from different parts of the run
    frame: pl.DataFrame,
    tables: CrmTables,
    *,
    settings: AuditSettings,
    as_of: date | None = None,
    horizon_days: int = 30,
    seed: int = 0,
    groups: Mapping[str, Sequence[str]] | None = None,
    rebuild: Rebuild | None = None,
) -> AuditReport:
    """The leak gate for every column but the key, which is opportunity_id or it and snapshot_date.

    Rows of opportunities that are not engaged yet, or not open on their snapshot date, are left
    out. `groups` are features that come from one source, by default those whose names begin with
    the same word. `rebuild` makes the table again from tables as known on a day: with encoders and
    scalers as once fitted, for a code that is dealt out anew is not a leak. Without it, LK1 is not
    applicable. Raises LeakError where the table does not fit the export.
    """
    key = _key(frame, tables)
    frame = frame.sort(key)  # what is drawn at random must not depend on the order of the rows
    as_of = as_of or last_day(tables)
    facts = facts_of(frame.select(key), tables, as_of=as_of, horizon_days=horizon_days)
    rows = frame[facts["row"].to_numpy()]
    features = tuple(c for c in frame.columns if c not in key)
    erased: tuple[Erased, ...] | NotApplicable = NotApplicable(
        "nobody said how to rebuild the table from what was known on a day"
    )
    if rebuild is not None:
        dates = settings.rebuilt_dates
        erased = erase(rows, facts, tables, rebuild, dates=dates, seed=seed)
    candidates = Candidates(
        frame=rows,
        facts=facts,
        tables=tables,
        features=features,
        labels=OPPORTUNITY_LABELS if len(key) == 1 else snapshot_labels(horizon_days),
        groups=_by_first_word(features)
        if groups is None
        else {name: tuple(members) for name, members in groups.items()},
        erased=erased,
    )
    return audit(candidates, settings, seed=seed).allowing(settings.allow)


def crm_features_rebuilt(transforms: FittedTransforms) -> Rebuild:
    """How crm_features is made again from what was known on a day.

    The codes and scales are those fitted on the whole export: were they fitted again, every code
    after a missing category would move, though it tells nothing of the future.
    """

    def rebuild(known: CrmTables, _: date) -> pl.DataFrame:
        engineered = transforms.apply(engineer(known.opportunities.collect()))
        return engineered.with_columns(**{name: made.expr for name, made in TARGETS.items()})

    return rebuild


def _key(frame: pl.DataFrame, tables: CrmTables) -> list[str]:
    """The key columns of the table. Raises LeakError where they name no rows of the export."""
    key = [column for column in KEY if column in frame.columns]
    if "opportunity_id" not in key:
        raise LeakError(
            f"The table has no column 'opportunity_id'; it has {listed(frame.columns)}.",
            remedy="give each row the id of its opportunity, and snapshot_date where it has one",
        )
    repeated = frame.filter(frame.select(key).is_duplicated())
    if repeated.height:
        raise LeakError(
            f"{repeated.height:,} rows share their {' and '.join(key)}, such as "
            f"{listed(repeated['opportunity_id'].unique().sort())}.",
            remedy="keep one row per opportunity, or add a snapshot_date",
        )
    ids = tables.opportunities.select("opportunity_id").collect()
    strangers = frame.join(ids, on="opportunity_id", how="anti")["opportunity_id"]
    if len(strangers):
        raise LeakError(
            f"{len(strangers):,} rows are of opportunities that the export does not have, such "
            f"as {listed(strangers.cast(pl.String).sort())}.",
            remedy="compute the table from this export, or leave these rows out",
        )
    return key


def _by_first_word(features: Sequence[str]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for name in features:
        word = name.split("_", maxsplit=1)[0]
        groups[word] = (*groups.get(word, ()), name)
    return groups
