"""How steps are run, shown on three small steps that add numbers."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dealcast.errors import (
    OutOfMemoryError,
    SettingsError,
    SourceError,
    StoreAwayError,
    StoreError,
)
from dealcast.settings import LoadedSettings, load_settings
from dealcast.workflow import freshness
from dealcast.workflow import plan as planning
from dealcast.workflow import run as running
from dealcast.workflow.manifest import (
    RunManifest,
    StepRecord,
    load_manifest,
    new_run_id,
    run_ids,
)
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import open_run, run_steps
from dealcast.workflow.steps import Step
from dealcast.workflow.store import Store
from dealcast.workflow.workspace import Made, Workspace


class Silent:
    """A watcher that only remembers."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def started(self, step: Step) -> None:
        self.seen.append(f"started {step.name}")

    def progressed(self, note: str, share: float) -> None:
        self.seen.append(f"{note} {share:.0%}")

    def finished(self, record: StepRecord) -> None:
        self.seen.append(f"{'skipped' if record.skipped else 'finished'} {record.name}")


FRAME = pl.DataFrame({"product": ["A"], "series": ["x"], "sales_price": [1.0]})


def fetch(_: Workspace) -> Made:
    return Made(objects={"raw": "same"}, figures={"rows_in": 1})


def make(ws: Workspace) -> Made:
    made = Made(figures={"price": 1.0})
    ws.progress("halfway", 0.5)
    ws.save(made, "products", FRAME)
    return made


def use(ws: Workspace) -> Made:
    return Made(figures={"total": ws.load("products", "make")["sales_price"].sum()})


def steps(**runs: Callable[[Workspace], Made]) -> tuple[Step, ...]:
    table = {"fetch": fetch, "make": make, "use": use, **runs}
    return (
        Step("fetch", "get", (), ("source",), table["fetch"]),
        Step("make", "make", ("fetch",), ("cleaning",), table["make"], watches=("corrections",)),
        Step("use", "use", ("make",), ("model",), table["use"]),
    )


def are(table: tuple[Step, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the steps of a run be these."""
    for module in (freshness, planning):
        monkeypatch.setattr(module, "STEPS", table)
    for module in (running, planning):
        monkeypatch.setattr(module, "STEP_NAMES", tuple(s.name for s in table))


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def installed(**runs: Callable[[Workspace], Made]) -> None:
        are(steps(**runs), monkeypatch)

    installed()
    return installed


def settings(root: Path, **flags: object) -> LoadedSettings:
    given = {"storage.root": str(root), "source.kind": "sample", **flags}
    return load_settings(environ={}, flags=given)


def ran(root: Path, plan: Plan | None = None, **flags: object) -> RunManifest:
    return run_steps(settings(root, **flags), plan or Plan(), Silent(), quiet=True)


def skipped(manifest: RunManifest) -> list[str]:
    return [s.name for s in manifest.steps if s.skipped]


@pytest.mark.usefixtures("install")
def test_all_steps_run_in_order_and_are_recorded(tmp_path: Path) -> None:
    watcher = Silent()

    manifest = run_steps(settings(tmp_path / "s"), Plan(), watcher, quiet=True)

    assert [s.name for s in manifest.steps] == ["fetch", "make", "use"]
    assert manifest.figures["total"] == 1.0
    assert watcher.seen[:4] == ["started fetch", "finished fetch", "started make", "halfway 50%"]
    assert load_manifest(Store(str(tmp_path / "s")), "latest") == manifest


@pytest.mark.usefixtures("install")
def test_unchanged_steps_are_skipped_and_keep_their_figures(tmp_path: Path) -> None:
    first = ran(tmp_path)

    second = ran(tmp_path)

    assert skipped(second) == ["make", "use"]
    assert second.figures == first.figures
    assert second.steps[1].run_id == first.run_id


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize(
    ("flags", "left"),
    [
        ({"model.seed": 5}, ["make"]),
        ({"cleaning.max_quarantined": 0.9}, []),
        ({"orchestration.skip_unchanged": False}, []),
        ({"logging.level": "DEBUG"}, ["make", "use"]),
    ],
)
def test_a_setting_reruns_the_steps_that_read_it_and_what_follows(
    tmp_path: Path, flags: dict[str, object], left: list[str]
) -> None:
    ran(tmp_path)

    assert skipped(ran(tmp_path, **flags)) == left


@pytest.mark.usefixtures("install")
def test_a_watched_table_reruns_the_step(tmp_path: Path) -> None:
    ran(tmp_path)
    schema = {"row_hash": pl.String, "column": pl.String, "value": pl.String}
    Store(str(tmp_path)).save("corrections", pl.DataFrame(schema=schema))

    assert skipped(ran(tmp_path)) == []


@pytest.mark.usefixtures("install")
def test_a_step_whose_table_is_gone_runs_again(tmp_path: Path) -> None:
    ran(tmp_path)
    for file in sorted((tmp_path / "processed").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()

    assert "make" not in skipped(ran(tmp_path))
    assert Store(str(tmp_path)).has("products")


@pytest.mark.usefixtures("install")
def test_the_step_to_start_at_runs_even_if_unchanged(tmp_path: Path) -> None:
    ran(tmp_path)

    again = ran(tmp_path, Plan("make", "make"))

    assert [(s.name, s.skipped) for s in again.steps] == [("make", False)]


@pytest.mark.usefixtures("install")
def test_a_later_step_reads_the_version_that_was_recorded(tmp_path: Path) -> None:
    ran(tmp_path)
    Store(str(tmp_path)).save("products", FRAME.with_columns(sales_price=9.0))

    assert ran(tmp_path, Plan("use")).figures["total"] == 1.0


def test_a_step_that_fails_leaves_a_manifest_that_says_so(
    tmp_path: Path, install: Callable[..., None]
) -> None:
    def fail(_: Workspace) -> Made:
        raise StoreError("The disk is full.", remedy="make room")

    install(use=fail)

    with pytest.raises(StoreError, match="disk is full"):
        ran(tmp_path)

    manifest = load_manifest(Store(str(tmp_path)), "latest")
    assert (manifest.status, manifest.error) == ("failed", "The disk is full.")
    assert [s.name for s in manifest.steps] == ["fetch", "make"]


def test_after_a_failure_the_next_run_goes_on_where_it_stopped(
    tmp_path: Path, install: Callable[..., None]
) -> None:
    def fail(_: Workspace) -> Made:
        raise StoreError("The disk is full.", remedy="make room")

    install(use=fail)
    with pytest.raises(StoreError):
        ran(tmp_path)
    install()

    assert skipped(ran(tmp_path)) == ["make"]


def test_a_step_that_finds_too_little_memory_is_recorded_as_such(
    tmp_path: Path, install: Callable[..., None]
) -> None:
    def fill(_: Workspace) -> Made:
        np.empty(1 << 58)
        raise AssertionError

    install(use=fill)

    with pytest.raises(
        OutOfMemoryError, match=r"for step 'use': .* \(Unable to allocate 2"
    ) as told:
        ran(tmp_path)

    manifest = load_manifest(Store(str(tmp_path)), "latest")
    assert (manifest.status, manifest.error) == ("failed", told.value.problem)


def test_where_the_end_cannot_be_recorded_either_the_first_error_is_told(
    tmp_path: Path, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Workspace) -> Made:
        def full(*_: object) -> None:
            raise StoreError("The manifest cannot be written.", remedy="make room")

        monkeypatch.setattr(RunManifest, "save", full)
        raise StoreError("The disk is full.", remedy="make room")

    install(use=fail)

    with pytest.raises(StoreError, match="disk is full"):
        ran(tmp_path)


def test_an_interrupted_run_says_so(tmp_path: Path, install: Callable[..., None]) -> None:
    def interrupt(_: Workspace) -> Made:
        raise KeyboardInterrupt

    install(use=interrupt)

    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path)

    assert load_manifest(Store(str(tmp_path)), "latest").status == "interrupted"


def test_nothing_is_written_where_the_source_cannot_be_read(
    tmp_path: Path, install: Callable[..., None]
) -> None:
    def fail(_: Workspace) -> Made:
        raise SourceError("No file.", remedy="give one")

    install(fetch=fail)

    with pytest.raises(SourceError):
        ran(tmp_path / "store")

    assert not (tmp_path / "store").exists()


@pytest.mark.usefixtures("install")
def test_a_step_without_its_needs_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="'make' has not been run"):
        ran(tmp_path / "store", Plan("use"))


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize(
    ("plan", "says"), [(Plan("mke"), "no step 'mke'"), (Plan("use", "make"), "comes after")]
)
def test_a_plan_that_makes_no_sense_is_refused(tmp_path: Path, plan: Plan, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        ran(tmp_path, plan)


@pytest.fixture
def with_model(monkeypatch: pytest.MonkeyPatch, install: Callable[..., None]) -> None:
    """`use` may go by what `make` made of earlier data."""
    install()
    fetch_it, make_it, use_it = planning.STEPS
    are((fetch_it, make_it, replace(use_it, needs=("fetch",), uses=("make",))), monkeypatch)
    monkeypatch.setattr(planning, "JOBS", {"daily": ("fetch", "use")})


@pytest.mark.usefixtures("with_model")
def test_a_job_makes_first_what_it_uses_and_never_was_made(tmp_path: Path) -> None:
    first = ran(tmp_path, Plan(job="daily"))
    second = ran(tmp_path, Plan(job="daily"))

    assert [s.name for s in first.steps] == ["fetch", "make", "use"]
    assert [s.name for s in second.steps] == ["fetch", "use"]


@pytest.mark.usefixtures("with_model")
def test_a_job_that_comes_first_on_an_empty_store_makes_all_it_goes_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "JOBS", {"train": ("make",)})

    assert [s.name for s in ran(tmp_path, Plan(job="train")).steps] == ["fetch", "make"]


@pytest.mark.usefixtures("install", "with_model")
def test_what_a_step_uses_may_be_older_than_the_data_and_what_it_needs_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(tmp_path)
    newer = replace(
        planning.STEPS[0], run=lambda _: Made(objects={"raw": "newer"}, figures={"rows_in": 2})
    )
    are((newer, *planning.STEPS[1:]), monkeypatch)

    scored = ran(tmp_path, Plan(job="daily"))

    assert [s.name for s in scored.steps if not s.skipped] == ["fetch", "use"]
    strict = replace(planning.STEPS[2], needs=("fetch", "make"), uses=())
    are((*planning.STEPS[:2], strict), monkeypatch)
    with pytest.raises(StoreError, match="would mix versions"):
        ran(tmp_path, Plan("use"))


@pytest.mark.usefixtures("install")
def test_a_step_that_could_not_be_recorded_is_done_again_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_run(settings(tmp_path), Plan(), Silent(), quiet=True) as run:
        with monkeypatch.context() as away:
            away.setattr(running, "save_latest_step", _away)
            with pytest.raises(StoreAwayError):
                run.do(run.steps[0])
        for step in run.steps:
            run.do(step)

    assert [(s.name, s.skipped) for s in run.manifest.steps] == [
        ("fetch", False),
        ("make", False),
        ("use", False),
    ]


def _away(*_: object) -> None:
    raise StoreAwayError("Nothing answers.", remedy="wait")


@pytest.mark.usefixtures("with_model")
def test_an_unknown_job_offers_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no job 'dayly'") as refused:
        ran(tmp_path, Plan(job="dayly"))

    assert "did you mean 'daily'?" in refused.value.remedy


@pytest.mark.usefixtures("install")
def test_secrets_stay_out_of_everything_a_run_leaves_behind(tmp_path: Path) -> None:
    loaded = load_settings(
        environ={"DEALCAST__SOURCE__KIND": "kaggle", "DEALCAST__SOURCE__KEY": "hush-hush"},
        flags={"storage.root": str(tmp_path)},
    )

    run_steps(loaded, Plan(), Silent(), quiet=True)

    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert len(files) > 5
    assert not any(b"hush-hush" in f.read_bytes() for f in files)


@pytest.mark.usefixtures("install")
def test_a_run_that_is_not_there_offers_the_nearest(tmp_path: Path) -> None:
    run_id = ran(tmp_path).run_id

    with pytest.raises(StoreError) as refused:
        load_manifest(Store(str(tmp_path)), run_id[:-1] + "x")

    assert run_id in refused.value.remedy
    assert run_ids(Store(str(tmp_path))) == [run_id]


@pytest.mark.usefixtures("install")
def test_the_manifest_says_what_code_and_settings_were_used(tmp_path: Path) -> None:
    manifest = ran(tmp_path, **{"model.seed": 3})

    content = json.loads((tmp_path / manifest.key).read_text())
    assert content["settings"]["model"]["seed"] == 3
    assert set(content["code"]) >= {"version", "commit", "source_hash", "python", "polars"}
    assert content["environment"] == "development"


@pytest.mark.usefixtures("install")
def test_a_run_of_some_steps_says_what_the_others_had_made(tmp_path: Path) -> None:
    first = ran(tmp_path)

    second = ran(tmp_path, Plan("use"))

    assert second.earlier == [r for r in first.steps if r.name != "use"]
    assert load_manifest(Store(str(tmp_path)), second.run_id) == second
    assert first.earlier == []


def test_what_closes_a_run_is_given_it_whether_it_succeeded_or_not(
    tmp_path: Path, install: Callable[..., None]
) -> None:
    seen: list[tuple[str, list[str]]] = []

    def closing(manifest: RunManifest, store: Store) -> None:
        kept = load_manifest(store, manifest.run_id)
        seen.append((kept.status, [s.name for s in kept.steps]))

    def fail(_: Workspace) -> Made:
        raise SourceError("No file.", remedy="give one")

    run_steps(settings(tmp_path), Plan(), Silent(), quiet=True, closing=closing)
    install(use=fail)
    with pytest.raises(SourceError):
        run_steps(settings(tmp_path), Plan("use"), Silent(), quiet=True, closing=closing)

    assert seen == [("done", ["fetch", "make", "use"]), ("failed", [])]


def test_ids_of_runs_that_begin_within_a_second_sort_by_time() -> None:
    begun = datetime(2026, 11, 24, 8, tzinfo=UTC)
    instants = [begun + timedelta(milliseconds=ms) for ms in range(1_010)]

    ids = [new_run_id(instant) for instant in instants]

    assert ids == sorted(ids)
    assert len({new_run_id(begun) for _ in range(20)}) > 1
