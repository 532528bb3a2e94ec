"""Renewal: which snapshot dates are made anew, and which files of the last run stay as they are."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from dealcast.contracts import EARLIEST, CrmTables
from dealcast.errors import StoreError
from dealcast.features.build import feature_contract
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.changes import Changes, changes_between
from dealcast.features.selection import catalogue_fingerprint
from dealcast.features.spec import FeatureSpec
from dealcast.snapshots import as_known_on
from dealcast.workflow.layers import LAYERS, LIVE, SETTLED, boundary, layer_of
from dealcast.workflow.manifest import code_version, digest
from dealcast.workflow.memory import FEWEST_ROWS
from dealcast.workflow.parts import Part
from dealcast.workflow.workspace import CLEAN_TABLES, Workspace, clean_tables

MADE_FROM = "snapshots_made_from"
SNAPSHOT_TABLES = ("snapshots", "snapshot_features")


@dataclass(frozen=True)
class Basis:
    """What snapshots are made from: clean tables by version, the day, the dates, code and specs.

    The boundary is the day that parts the layers of their files.
    """

    tables: Mapping[str, int]
    as_of: str
    dates: Sequence[str]
    made_by: str
    boundary: str = EARLIEST.isoformat()

    @classmethod
    def of(cls, ws: Workspace, specs: Sequence[FeatureSpec], dates: Iterable[date]) -> "Basis":
        """That of this run."""
        made = ws.record("clean").tables
        how = {
            "code": {k: v for k, v in code_version().items() if k != "commit"},
            "catalogue": catalogue_fingerprint(CATALOGUE),
            "columns": feature_contract(specs).column_names(),
            "engine": ws.settings.engine.name,
            "fiscal_year_start_month": ws.settings.data.fiscal_year_start_month,
        }
        return cls(
            tables={name: made[name] for name in CLEAN_TABLES if name in made},
            as_of=ws.as_of.isoformat(),
            dates=[d.isoformat() for d in dates],
            made_by=digest(how),
        )

    def to_dict(self, boundary: date) -> dict[str, Any]:
        """JSON-ready, with the boundary at which the layers came to be parted."""
        return {**asdict(self), "boundary": boundary.isoformat()}


@dataclass(frozen=True)
class Renewal:
    """The dates whose features and, by layer, whose outcomes are made anew; the files that stay."""

    boundary: date
    features: Sequence[date]
    outcomes: Mapping[str, Sequence[date]]
    kept: Mapping[str, Sequence[Part]]
    changes: Changes | None = None

    @classmethod
    def of_all(cls, dates: Sequence[date], boundary: date) -> "Renewal":
        """Everything is made anew."""
        return cls(
            boundary, dates, dict.fromkeys(LAYERS, dates), dict.fromkeys(SNAPSHOT_TABLES, ())
        )

    def text(self, dates: int) -> str:
        """One sentence; empty where everything is made anew."""
        if self.changes is None:
            return ""
        settled = (
            f" (of those engaged before {self.boundary}: {len(self.outcomes[SETTLED]):,})"
            if self.boundary > EARLIEST
            else ""
        )
        return (
            f"features of {len(self.features):,} of {dates:,} dates recomputed, outcomes of "
            f"{len(self.outcomes[LIVE]):,}{settled}; "
            f"{self.changes.opportunities:,} opportunities changed"
        )


def renewal(ws: Workspace, present: CrmTables, dates: Sequence[date], basis: Basis) -> Renewal:
    """What of the last run's snapshots has to be made anew; all where nothing can be proved.

    Asked again for the very same tables, all is made anew too: somebody has a reason to ask.
    """
    former = _former_basis(ws)
    files = _former_files(ws)
    known = _former_tables(ws, former, basis) if former and files else None
    if not former or not files or not known:
        parted = boundary(present.opportunities, dates, as_of=ws.as_of)
        return Renewal.of_all(dates, parted)
    changes = changes_between(known, present)
    before = [date.fromisoformat(d) for d in former.dates]
    features, stay = renewed(
        dates, before, files["snapshot_features"], changes.features_from, small=FEWEST_ROWS
    )
    parted = date.fromisoformat(former.boundary)
    parted = boundary(present.opportunities, dates, as_of=ws.as_of, former=parted)
    kept: dict[str, list[Part]] = {"snapshots": [], "snapshot_features": stay}
    if parted.isoformat() != former.boundary:
        return Renewal(parted, features, dict.fromkeys(LAYERS, dates), kept, changes)
    outcomes = {}
    for layer, since in _outcomes_from(changes, parted).items():
        own = [file for file in files["snapshots"] if layer_of(file) == layer]
        outcomes[layer], stay = renewed(dates, before, own, since, small=FEWEST_ROWS)
        kept["snapshots"] += stay
    return Renewal(parted, features, outcomes, kept, changes)


def _outcomes_from(changes: Changes, parted: date) -> dict[str, date | None]:
    """By layer the first day on which outcomes may differ.

    Where all that changed were engaged on the boundary or later, by both exports, nothing settled
    differs, and nobody became settled or ceased to be.
    """
    since = changes.outcomes_from
    return {SETTLED: since if since and since < parted else None, LIVE: since}


def renewed(
    dates: Sequence[date],
    former: Collection[date],
    files: Sequence[Part],
    since: date | None,
    *,
    small: int,
) -> tuple[list[date], list[Part]]:
    """The dates to make anew, in order, and the files that hold none of them.

    They are those from `since` on, those that were not there before, and all that share a file
    with one of them, or with one that is gone. A last file of fewer than `small` rows is made anew
    with what follows it, so that a table does not become one of many small files.
    """
    wanted = {d for d in dates if since is not None and d >= since} | (set(dates) - set(former))
    touched = wanted | (set(former) - set(dates))
    if touched and files:
        last = max(files, key=lambda file: file.last)
        touched |= _dates_in(last, former) if last.rows < small else set()
    kept = list(files)
    while stale := [file for file in kept if not touched.isdisjoint(_dates_in(file, former))]:
        kept = [file for file in kept if file not in stale]
        touched = touched.union(*(_dates_in(file, former) for file in stale))
    return [d for d in dates if d in touched], kept


def _dates_in(file: Part, former: Collection[date]) -> set[date]:
    return {d for d in former if file.first <= d <= file.last}


def _former_tables(ws: Workspace, former: Basis, basis: Basis) -> CrmTables | None:
    """The clean tables of the last run as it knew them; None where they prove nothing."""
    if (
        not ws.settings.features.incremental
        or former.made_by != basis.made_by
        or former.tables.keys() != basis.tables.keys()
        or (former.tables, former.as_of) == (basis.tables, basis.as_of)
    ):
        return None
    try:
        tables = clean_tables(former.tables, lambda n: ws.store.load(n, version=former.tables[n]))
    except StoreError:  # the former version was removed from the store
        return None
    return as_known_on(tables, date.fromisoformat(former.as_of))


def _former_basis(ws: Workspace) -> Basis | None:
    record = ws.records.get("features")
    key = record.objects.get(MADE_FROM) if record else None
    content = ws.store.get_json(key) if key else None
    return Basis(**content) if content else None


def _former_files(ws: Workspace) -> dict[str, list[Part]] | None:
    """The files of both tables as the last run left them; None where another has written since."""
    record = ws.records.get("features")
    found = {}
    for name in SNAPSHOT_TABLES:
        version = record.tables.get(name) if record else None
        if version is None or not ws.store.has(name) or ws.store.version(name) != version:
            return None
        files = ws.store.files(name, version=version, by="snapshot_date")
        if files is None:
            return None
        found[name] = files
    return found
