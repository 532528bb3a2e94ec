"""Features of a later export in the same store are those of a store of its own."""

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import EARLIEST, CrmTables
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import usable
from dealcast.settings import load_settings
from dealcast.tracking.base import open_registry, open_tracker
from dealcast.workflow import layers, renewal, snapshot_parts
from dealcast.workflow.feature_steps import features
from dealcast.workflow.manifest import StepRecord
from dealcast.workflow.parts import Part
from dealcast.workflow.renewal import renewed
from dealcast.workflow.store import Store
from dealcast.workflow.workspace import Made, Workspace

START = date(2017, 1, 2)  # a Monday
MONDAYS = [START + timedelta(7 * week) for week in range(6)]
TABLES = ("crm_features", "crm_features_split", "snapshots", "snapshot_features")

FEW = {"age_days", "list_price", "agent_won_count", "agent_won_value", "overall_open_count"}
SPECS = tuple(spec for spec in CATALOGUE if spec.name in FEW)

# id, agent, engaged and closed (days after START), worth
Row = tuple[str, str, int, int | None, float]
FORMER: tuple[Row, ...] = (
    ("A", "Ann", -5, 0, 10.0),
    ("B", "Ann", -4, 9, 0.0),
    ("C", "Bob", 1, 20, 30.0),
    ("D", "Bob", 12, None, 0.0),
    ("E", "Ann", 22, 30, 50.0),
    ("F", "Ann", 29, None, 0.0),
)


def export(rows: tuple[Row, ...], price: float = 10.0) -> CrmTables:
    def stage(closed: int | None, worth: float) -> str:
        return "Engaging" if closed is None else "Won" if worth else "Lost"

    def on(day: int | None) -> date | None:
        return None if day is None else START + timedelta(day)

    opportunities = pl.DataFrame(
        [
            {
                "opportunity_id": name,
                "sales_agent": agent,
                "product": "X",
                "account": None,
                "deal_stage": stage(closed, worth),
                "engage_date": on(engaged),
                "close_date": on(closed),
                "close_value": None if closed is None else worth,
            }
            for name, agent, engaged, closed, worth in rows
        ],
        schema_overrides={"account": pl.String},
    )
    products = pl.DataFrame({"product": ["X"], "series": ["S"], "sales_price": [price]})
    return CrmTables.validate({"opportunities": opportunities, "products": products}, cast=True)


class Shop:
    """A store into which exports come, one after another."""

    def __init__(self, root: Path) -> None:
        self.store = Store(str(root))
        self.records: dict[str, StepRecord] = {}

    def copy(self, root: Path) -> "Shop":
        """Another shop that has taken what this one has."""
        other = Shop(shutil.copytree(self.store.root, root))
        other.records = dict(self.records)
        return other

    def take(self, tables: CrmTables, **flags: object) -> StepRecord:
        """The step `features` on this export; what was recorded of it."""
        loaded = load_settings(environ={}, flags={"storage.root": self.store.root, **flags})
        settings, run_id = loaded.settings, f"run-{len(self.store.list_objects('runs')):03}"
        ws = Workspace(
            self.store,
            settings,
            run_id,
            open_tracker(settings.tracking, self.store, run_id),
            open_registry(settings.tracking, self.store),
            self.records,
            lambda _note, _share: None,
        )
        clean = Made()
        frames = {name: frame.collect() for name, frame in tables.to_dict().items()}
        ws.save(clean, "crm_data_processed", frames.pop("opportunities"))
        for name, frame in frames.items():
            ws.save(clean, name, frame)
        last = tables.opportunities.select(
            pl.max_horizontal(pl.max("engage_date"), pl.max("close_date"))
        )
        self._record("clean", run_id, clean, {"last_date": str(last.collect().item())})
        made = features(ws)
        return self._record("features", run_id, made, made.figures)

    def _record(self, name: str, run_id: str, made: Made, figures: dict[str, object]) -> StepRecord:
        record = StepRecord(
            name=name,
            run_id=run_id,
            fingerprint="",
            seconds=0.0,
            tables=made.tables,
            objects=made.objects,
            figures=figures,
        )
        self.records[name] = record
        return record

    def parts(self, table: str) -> set[str]:
        version = self.store.version(table)
        files = self.store.files(table, version=version, by="snapshot_date")
        return {file.name for file in files or ()}

    def files_of_layer(self, layer: str) -> set[str]:
        return {name for name in self.parts("snapshots") if name.startswith(f"{layer}-")}

    def boundary(self) -> date:
        made_from = self.store.get_json(self.records["features"].objects[renewal.MADE_FROM])
        return date.fromisoformat(made_from["boundary"])


def with_few_features(patch: pytest.MonkeyPatch) -> None:
    """A file for each snapshot date, with few features: that is quicker."""
    patch.setattr(snapshot_parts, "usable", lambda tables: usable(tables, SPECS))
    patch.setattr(snapshot_parts, "rows_per_batch", lambda *_, **__: 1)
    patch.setattr(renewal, "FEWEST_ROWS", 0)


def with_layers(patch: pytest.MonkeyPatch) -> None:
    """Layers however few the snapshots are."""
    with_few_features(patch)
    patch.setattr(layers, "LAYERED_ROWS", 0)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Shop]:
    """Empty shops, with few features."""
    with_few_features(monkeypatch)
    return lambda name: Shop(tmp_path / name)


@pytest.fixture
def layered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Shop]:
    """Empty shops, with layers."""
    with_layers(monkeypatch)
    return lambda name: Shop(tmp_path / name)


def having_taken(rows: tuple[Row, ...], root: Path, how: Callable[..., None]) -> Shop:
    with pytest.MonkeyPatch.context() as patch:
        how(patch)
        shop = Shop(root)
        shop.take(export(rows))
    return shop


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop that has taken the former export. Not to be changed, but to be copied."""
    return having_taken(FORMER, tmp_path_factory.mktemp("former") / "shop", with_few_features)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop with layers that has taken the layered export. Not to be changed, but to be copied."""
    return having_taken(LAYERED, tmp_path_factory.mktemp("settled") / "shop", with_layers)


def assert_same_tables(one: Shop, other: Shop) -> None:
    for name in TABLES:
        key = [c for c in ("opportunity_id", "snapshot_date") if c in one.store.load(name).columns]
        frames = [shop.store.load(name).sort(key) for shop in (one, other)]
        # Scales are of sums, which do not add up in the same order every time.
        assert_frame_equal(*frames, check_exact=name != "crm_features")


LATER: dict[str, tuple[tuple[Row, ...], float, int]] = {
    # what is later -> the export, the price of X, and dates whose features are made anew
    "a week with new and closed ones": (
        (*FORMER[:3], ("D", "Bob", 12, 33, 5.0), *FORMER[4:], ("G", "Cid", 35, None, 0.0)),
        10.0,
        1,
    ),
    "one that arrived late": ((*FORMER, ("G", "Bob", 15, None, 0.0)), 10.0, 2),
    "a close corrected": ((*FORMER[:2], ("C", "Bob", 1, 25, 30.0), *FORMER[3:]), 10.0, 2),
    "an amount corrected": ((*FORMER[:4], ("E", "Ann", 22, 30, 51.0), FORMER[5]), 10.0, 0),
    "one that is gone": ((*FORMER[:3], *FORMER[4:]), 10.0, 3),
    "another owner": ((*FORMER[:5], ("F", "Bob", 29, None, 0.0)), 10.0, 0),
    "another price list": (FORMER, 11.0, 5),
    "the first close is gone": (FORMER[1:], 10.0, 3),
}


# The longest cycle is 20 days and the export ends on day 50: who was engaged before day 30 is
# settled. Its last snapshot date is day 49.
LAYERED: tuple[Row, ...] = (
    ("A", "Ann", -5, 0, 10.0),
    ("B", "Ann", 1, 21, 0.0),
    ("C", "Bob", 12, None, 0.0),
    ("D", "Bob", 29, 35, 30.0),
    ("E", "Ann", 30, None, 0.0),
    ("F", "Ann", 33, None, 0.0),
    ("G", "Cid", 50, None, 0.0),
)


def later(**rows: Row | None) -> tuple[Row, ...]:
    """The layered export, a few rows of it (by id) new, other ones, or gone."""
    there = {row[0]: row for row in LAYERED} | rows
    return tuple(row for row in there.values() if row is not None)


# what is later -> the export, and whether all files of what is settled stay
LATER_LAYERED: dict[str, tuple[tuple[Row, ...], bool]] = {
    "a live one closed": (later(F=("F", "Ann", 33, 51, 9.0)), True),
    "one engaged on the boundary closed": (later(E=("E", "Ann", 30, 51, 9.0)), True),
    "a settled one closed after all": (later(C=("C", "Bob", 12, 51, 9.0)), False),
    "a settled close corrected": (later(D=("D", "Bob", 29, 40, 30.0)), False),
    "a settled one is gone": (later(C=None), False),
    "a live one is gone": (later(F=None), True),
    "a settled one arrived late": (later(H=("H", "Cid", 14, None, 0.0)), False),
    "a settled one turned live": (later(C=("C", "Bob", 31, None, 0.0)), False),
    "a live one turned settled": (later(E=("E", "Ann", 28, None, 0.0)), False),
    "both turned": (later(C=("C", "Bob", 36, 51, 9.0), F=("F", "Ann", 2, None, 0.0)), False),
    "another owner of a settled one": (later(C=("C", "Cid", 12, None, 0.0)), True),
    "an export that ends earlier": (LAYERED[:-1], False),
}


@pytest.mark.parametrize("what", LATER_LAYERED)
def test_what_is_settled_is_made_anew_only_where_it_differs(
    what: str, settled: Shop, layered: Callable[[str], Shop], tmp_path: Path
) -> None:
    rows, stays = LATER_LAYERED[what]
    daily, rebuilt = settled.copy(tmp_path / "daily"), layered("rebuilt")
    before = daily.files_of_layer(layers.SETTLED)

    daily.take(export(rows))
    rebuilt.take(export(rows))

    assert_same_tables(daily, rebuilt)
    assert (before <= daily.files_of_layer(layers.SETTLED)) is stays


def test_day_after_day_gives_what_a_rebuild_gives(
    settled: Shop, layered: Callable[[str], Shop], tmp_path: Path
) -> None:
    daily = settled.copy(tmp_path / "daily")
    rows = {row[0]: row for row in LAYERED}
    days: tuple[dict[str, Row], ...] = (
        {"F": ("F", "Ann", 33, 51, 9.0)},
        {"H": ("H", "Bob", 56, None, 0.0)},  # a new snapshot date
        {"C": ("C", "Bob", 12, 57, 9.0), "I": ("I", "Ann", 57, None, 0.0)},  # a longer cycle
        {"E": ("E", "Ann", 27, 60, 9.0), "J": ("J", "Cid", 64, None, 0.0)},
        {"K": ("K", "Cid", 125, None, 0.0)},  # after two longest cycles the boundary moves up
        {"G": ("G", "Cid", 50, 126, 4.0)},
    )
    boundaries = [daily.boundary()]

    for number, changed in enumerate(days):
        rows |= changed
        daily.take(export(tuple(rows.values())))
        boundaries.append(daily.boundary())
        rebuilt = layered(f"rebuilt-{number}")
        rebuilt.take(export(tuple(rows.values())))
        assert_same_tables(daily, rebuilt)

    assert boundaries == [*[START + timedelta(30)] * 5, *[START + timedelta(80)] * 2]


def test_few_snapshots_have_no_settled_layer(shop: Callable[[str], Shop]) -> None:
    daily = shop("daily")

    daily.take(export(LAYERED))

    assert daily.boundary() == EARLIEST
    assert not daily.files_of_layer(layers.SETTLED)


@pytest.mark.parametrize("what", LATER)
def test_a_later_export_gives_the_tables_that_a_rebuild_gives(
    what: str, former: Shop, shop: Callable[[str], Shop], tmp_path: Path
) -> None:
    rows, price, renewed_dates = LATER[what]
    daily, rebuilt = former.copy(tmp_path / "daily"), shop("rebuilt")

    record = daily.take(export(rows, price))
    rebuilt.take(export(rows, price))

    assert_same_tables(daily, rebuilt)
    assert record.figures["snapshot_dates_renewed"] == renewed_dates


def test_duckdb_writes_the_same_tables_in_parts(former: Shop, shop: Callable[[str], Shop]) -> None:
    on_polars, on_duckdb = former, shop("duckdb")

    on_duckdb.take(export(FORMER), **{"engine.name": "duckdb"})

    assert len(on_duckdb.parts("snapshot_features")) == len(on_polars.parts("snapshot_features"))
    assert_same_tables(on_polars, on_duckdb)


@pytest.mark.usefixtures("shop")
def test_files_of_dates_without_a_change_stay(former: Shop, tmp_path: Path) -> None:
    daily = former.copy(tmp_path / "daily")
    before = {name: daily.parts(name) for name in ("snapshots", "snapshot_features")}

    daily.take(export(LATER["a week with new and closed ones"][0]))

    assert before["snapshot_features"] < daily.parts("snapshot_features")
    # The outcome of D, engaged on day 12, was not known before.
    kept = before["snapshots"] & daily.parts("snapshots")
    assert len(kept) == 2


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    "flags",
    [
        {"features.incremental": False},
        {"data.fiscal_year_start_month": 2},
        {"features.snapshot_weekday": 2},
    ],
)
def test_with_other_settings_all_is_made_anew(
    flags: dict[str, object], former: Shop, tmp_path: Path
) -> None:
    daily = former.copy(tmp_path / "daily")
    first = daily.records["features"]
    before = daily.parts("snapshot_features")

    daily.take(export(FORMER), **flags)

    assert first.figures["snapshot_dates_renewed"] == 5
    assert before.isdisjoint(daily.parts("snapshot_features"))


def test_where_another_run_wrote_meanwhile_all_is_made_anew(
    former: Shop, shop: Callable[[str], Shop], tmp_path: Path
) -> None:
    daily, rebuilt = former.copy(tmp_path / "daily"), shop("rebuilt")
    daily.store.save("snapshots", daily.store.load("snapshots").head(1))

    rows = LATER["one that arrived late"][0]
    daily.take(export(rows))
    rebuilt.take(export(rows))

    assert_same_tables(daily, rebuilt)


def test_a_date_takes_those_of_its_file_along() -> None:
    files = [Part("a", 10, MONDAYS[0], MONDAYS[1]), Part("b", 10, MONDAYS[2], MONDAYS[3])]

    dates, kept = renewed(MONDAYS[:5], MONDAYS[:4], files, MONDAYS[3], small=5)

    assert dates == MONDAYS[2:5]
    assert kept == files[:1]


def test_files_with_a_date_in_common_are_renewed_together() -> None:
    files = [Part("a", 10, MONDAYS[0], MONDAYS[1]), Part("b", 10, MONDAYS[1], MONDAYS[2])]

    assert renewed(MONDAYS[:3], MONDAYS[:3], files, MONDAYS[2], small=5) == (MONDAYS[:3], [])


def test_a_small_last_file_is_renewed_with_what_follows() -> None:
    files = [Part("a", 10, MONDAYS[0], MONDAYS[0]), Part("b", 4, MONDAYS[1], MONDAYS[1])]

    assert renewed(MONDAYS[:3], MONDAYS[:2], files, None, small=5)[0] == MONDAYS[1:3]
    assert renewed(MONDAYS[:2], MONDAYS[:2], files, None, small=5) == ([], files)


def test_a_file_with_a_date_that_is_gone_is_renewed() -> None:
    files = [Part("a", 10, MONDAYS[0], MONDAYS[1]), Part("b", 10, MONDAYS[2], MONDAYS[2])]

    dates, kept = renewed(MONDAYS[1:3], MONDAYS[:3], files, None, small=5)

    assert (dates, kept) == ([MONDAYS[1]], files[1:])
