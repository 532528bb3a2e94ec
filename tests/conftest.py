"""Fixtures that every test may use."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import settings

from dealcast.contracts import CrmTables, RawExport

if TYPE_CHECKING:
    from dealcast.engines.base import Engine
    from servers.command_line import Called
    from servers.mlflow import MlflowServer
    from servers.prefect import PrefectServer
    from servers.sample import SampleRun
    from servers.seaweed import S3Server

    Call = Callable[..., Called]

# Launchers of real servers, for any test: `from servers.seaweed import ...`.
sys.path.insert(0, str(Path(__file__).parent))
# readline sets it in the main process of pytest, from where workers have it; pipes would fit to it.
os.environ.pop("COLUMNS", None)
# No test is timed: a machine may be busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
REPOSITORY = Path(__file__).resolve().parents[1]
REAL_DATA = REPOSITORY.parent / "shared" / "data" / "crm"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The public CRM data set, which the project never ships."""
    if not (REAL_DATA / "sales_pipeline.csv").is_file():
        pytest.skip(f"the real data set is not at {REAL_DATA.relative_to(REPOSITORY.parent)}")
    return REAL_DATA


@pytest.fixture(scope="session")
def real_tables(real_data: Path) -> CrmTables:
    """The public data set with its product names repaired."""
    day = pl.col("engage_date", "close_date").str.to_date("%m/%d/%Y")
    opportunities = pl.read_csv(real_data / "sales_pipeline.csv").with_columns(
        day, pl.col("product").replace({"GTXPro": "GTX Pro"})
    )
    products = pl.read_csv(real_data / "products.csv")
    return CrmTables.cast({"opportunities": opportunities, "products": products})


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> "SampleRun":
    """A whole run on the generated export, of all workers. Not to be changed, but to be copied."""
    from servers.sample import sample_run

    return sample_run(tmp_path_factory)


@pytest.fixture(scope="session")
def call_anywhere() -> "Call":
    """Call `dealcast ARGUMENTS` in this process, from where the tests run."""
    from servers.command_line import called

    return called


@pytest.fixture
def call(call_anywhere: "Call", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Call":
    """Call `dealcast ARGUMENTS` in this process, from an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("DEALCAST_ENV", "DEALCAST_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    return call_anywhere


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Server"]:
    """A real S3 server (SeaweedFS) for the whole session; ask it for fresh buckets."""
    from servers.seaweed import seaweed

    with seaweed(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["MlflowServer"]:
    """A real MLflow server for the whole session: SQLite, artifacts handed on by the server."""
    from servers.mlflow import mlflow_server_in

    with mlflow_server_in(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["PrefectServer"]:
    """A real Prefect server for the whole session: SQLite, quick loops."""
    from servers.prefect import prefect_server_in

    with prefect_server_in(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A real PostgreSQL for the whole session: each call makes a database and returns its URL."""
    from servers.postgres import postgres_server

    with postgres_server() as server:
        yield server.database


@pytest.fixture(scope="session")
def spark() -> Iterator["Engine"]:
    """A Spark engine on two cores of this machine for the whole session."""
    from servers.spark import spark_of_this_machine

    with spark_of_this_machine() as engine:
        yield engine


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With --dist loadfile: the files of one slow server to one worker."""
    from servers.together import ByServer

    return ByServer(config, log) if config.option.dist == "loadfile" else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, object, object]:
    """Below all else: how many tests could not run here, and why."""
    done = yield
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section(f"not run here: {reasons.total()} test(s)", yellow=True)
        for reason, count in reasons.most_common():
            terminalreporter.line(f"{count:5} {reason}")
    return done


Rows = Sequence[Mapping[str, str | None]]


@pytest.fixture(scope="session")
def raw_export() -> Callable[..., RawExport]:
    """A raw export of rows written in the test: raw_export([{...}], products=[{...}])."""

    def of(opportunities: Rows, **dimensions: Rows) -> RawExport:
        tables = {"opportunities": opportunities, **dimensions}
        return RawExport({table: _as_text(table, rows) for table, rows in tables.items()})

    return of


def _as_text(table: str, rows: Rows) -> pl.DataFrame:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = {column: [row.get(column) for row in rows] for column in columns}
    places = {"source_file": [f"{table}.csv"] * len(rows), "source_row": range(2, len(rows) + 2)}
    texts = dict.fromkeys([*columns, "source_file"], pl.String)
    return pl.DataFrame(cells | places, schema=texts | {"source_row": pl.UInt32})
