"""A later export that still has what was erased does not bring it back, and says so."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dealcast.errors import SourceError
from dealcast.settings import load_settings
from dealcast.surfaces.report import keep_report
from dealcast.workflow.erasure import ingest
from dealcast.workflow.erasure.erase import erase, sought
from dealcast.workflow.manifest import load_latest_steps
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store
from servers.grep import named
from servers.stores import RELEASES, SMALL, store_of
from servers.watching import Silent

CSV = """opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
A-01,Ann,GTX,Acme,Won,2024-01-01,2024-02-01,100
B-02,Bob,GTX,Acme,Lost,2024-01-02,2024-02-02,0
C-03,Cy,GTX,Acme,Engaging,2024-01-03,,
D-04,Di,GTX,Acme,Dreaming,2024-01-03,,
"""


@pytest.fixture
def export(tmp_path: Path) -> Path:
    file = tmp_path / "sales_pipeline.csv"
    file.write_text(CSV)
    return file


def cleaned(store: Store, export: Path) -> dict[str, object]:
    flags = {
        "source.kind": "files",
        "source.path": str(export),
        "storage.root": store.root,
        "quality.min_score": 0,
        "cleaning.max_quarantined": 1,
    }
    loaded = load_settings(flags=flags)
    return run_steps(loaded, Plan("ingest", "clean"), Silent(), quiet=True).figures


def test_the_rows_are_left_out_counted_and_told(export: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    before = cleaned(store, export)
    erase(store, sought(["B-02", "D-04"]), "test")

    after = cleaned(store, export)

    parts = ("rows_in", "rows_clean", "rows_quarantined", "rows_erased")
    assert [before[p] for p in parts] == [4, 3, 1, 0]
    assert [after[p] for p in parts] == [4, 2, 0, 2]
    assert named(store, "B-02") == named(store, "D-04") == []
    assert store.load("crm_data_processed")["opportunity_id"].to_list() == ["A-01", "C-03"]


def test_an_export_without_them_is_kept_byte_for_byte(export: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    cleaned(store, export)
    erase(store, sought(["B-02"]), "test")
    export.write_text(CSV.replace("B-02", "E-05"))

    cleaned(store, export)

    assert any(store.get_object(key) == export.read_bytes() for key in store.list_objects("raw"))


def test_one_with_white_space_around_it_is_the_same(export: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    cleaned(store, export)
    erase(store, sought(["B-02"]), "test")
    export.write_text(CSV.replace("B-02", " B-02 "))

    assert cleaned(store, export)["rows_erased"] == 1


@pytest.mark.parametrize("kind", [pl.Int64, pl.Float64])
def test_ids_that_are_numbers_are_left_out_of_parquet_too(
    tmp_path: Path, kind: type[pl.DataType]
) -> None:
    store, file = Store(str(tmp_path / "store")), tmp_path / "sales_pipeline.parquet"
    frame = pl.read_csv(CSV.encode()).with_columns(opportunity_id=pl.int_range(1, 5).cast(kind))
    frame.write_parquet(file)
    cleaned(store, file)
    erase(store, sought(["2"]), "test")

    after = cleaned(store, file)

    assert (after["rows_in"], after["rows_erased"]) == (4, 1)
    assert store.load("crm_data_processed")["opportunity_id"].to_list() == ["1", "3"]


@pytest.mark.parametrize(("one", "other"), [("1000002", "1000001"), ("Q-1", "Q-1-A")])
def test_another_opportunity_that_looks_like_it_stays(
    export: Path, tmp_path: Path, one: str, other: str
) -> None:
    """By its value or account, or as its id goes on."""
    store = Store(str(tmp_path / "store"))
    value = one if one.isdigit() else "5"
    rows = [
        f"{other},Ann,GTX,{one},Won,2024-01-01,2024-02-01,{value}",
        f"{one},Bob,GTX,Acme,Won,2024-01-01,2024-02-01,7",
    ]
    export.write_text("\n".join([CSV.splitlines()[0], *rows]) + "\n")
    cleaned(store, export)

    erase(store, sought([one]), "test")

    left = store.load("crm_data_processed")
    assert left.select("opportunity_id", "account", "close_value").rows() == [
        (other, one, float(value))
    ]
    assert cleaned(store, export)["rows_erased"] == 1
    assert store.load("crm_data_processed").equals(left)


def test_a_run_after_an_interrupted_one_and_an_erasure_is_as_of_an_export_without_it(
    export: Path, tmp_path: Path, interrupted_at: Any
) -> None:
    store, alone = Store(str(tmp_path / "store")), Store(str(tmp_path / "alone"))
    cleaned(store, export)
    export.write_text(CSV + "E-05,Eve,GTX,Acme,Won,2024-01-01,2024-02-01,5\n")
    with interrupted_at("clean"):
        cleaned(store, export)
    erase(store, sought(["B-02"]), "test")
    recorded = load_latest_steps(store)["clean"].tables["crm_data_processed"]
    before = store.load("crm_data_processed", version=recorded)

    cleaned(store, export)
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join(line for line in lines if "B-02" not in line))
    cleaned(alone, export)

    assert before["opportunity_id"].to_list() == ["A-01", "C-03"]
    assert store.load("crm_data_processed").equals(alone.load("crm_data_processed"))


def test_one_that_could_not_be_taken_out_is_refused(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "store"))
    cleaned(store, export)
    erase(store, sought(["B-02"]), "test")
    kept = store.list_objects("raw")
    monkeypatch.setattr(ingest, "without_ids", lambda *_: ())

    with pytest.raises(SourceError, match="could not be taken out"):
        cleaned(store, export)

    assert store.list_objects("raw") == kept


def test_a_whole_run_after_an_erasure_does_not_bring_it_back(tmp_path: Path) -> None:
    store = Store(str(store_of(RELEASES[-1], tmp_path)))
    one = str(store.load("scores")["opportunity_id"][0])
    erase(store, sought([one]), "test")
    loaded = load_settings(flags={**SMALL, "storage.root": store.root})

    done = run_steps(loaded, Plan(), Silent(), quiet=True, closing=keep_report)

    assert done.figures["rows_erased"] == 1
    account = ("rows_clean", "rows_quarantined", "rows_erased")
    assert done.figures["rows_in"] == sum(done.figures[name] for name in account)
    assert named(store, one) == []
    assert store.has_object(done.report_key)
