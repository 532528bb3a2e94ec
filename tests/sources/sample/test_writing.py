"""The sample is an export like any other: four files, the same for the same settings."""

import csv
import os
import subprocess
import sys
from datetime import date, timedelta
from hashlib import sha256

import polars as pl
import pytest

from dealcast.contracts import Accounts, Opportunities, Products, SalesAgents
from dealcast.errors import SourceError
from dealcast.settings import SampleSource as SampleSettings
from dealcast.sources.base import open_source
from dealcast.sources.sample import LARGEST_CSV, sales_pipeline, write_sample
from dealcast.sources.sample.company import ACCOUNTS, AGENTS, MANAGERS, PRODUCTS
from dealcast.sources.sample.world import BLOCK, World

COLUMNS = {
    "sales_pipeline": ["opportunity_id", "sales_agent", "product", "account", "deal_stage",
                       "engage_date", "close_date", "close_value"],
    "accounts": ["account", "sector", "year_established", "revenue", "employees",
                 "office_location", "subsidiary_of"],
    "products": ["product", "series", "sales_price"],
    "sales_teams": ["sales_agent", "manager", "regional_office"],
}  # fmt: skip
CLEAN = {"dirt": 0.0, "account_blank_while_open": False}


def written(into, **settings):
    """The frames of a written sample, as text."""
    files = write_sample(into, SampleSettings(**settings))
    return {f.stem: pl.read_csv(f, infer_schema=False) for f in files}


def hashes(files):
    return [sha256(file.read_bytes()).hexdigest() for file in files]


def test_the_source_writes_four_tables_with_the_columns_of_the_crm(tmp_path):
    files = open_source(SampleSettings(opportunities=300)).fetch(tmp_path)

    assert [file.name for file in files] == [f"{table}.csv" for table in COLUMNS]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert {f.stem: pl.read_csv(f, n_rows=1).columns for f in files} == COLUMNS


@pytest.mark.parametrize("opportunities", [1, 2, 8_800])
def test_a_clean_sample_has_as_many_rows_as_asked_for(tmp_path, opportunities):
    tables = written(tmp_path, opportunities=opportunities, **CLEAN)

    assert tables["sales_pipeline"].height == opportunities


def test_a_clean_sample_meets_every_contract_as_it_is(tmp_path):
    tables = written(tmp_path, **CLEAN)

    dated = tables["sales_pipeline"].with_columns(
        pl.col("engage_date", "close_date").str.to_date("%Y-%m-%d")
    )
    opportunities = Opportunities.validate(dated, cast=True)
    accounts = Accounts.validate(tables["accounts"], cast=True)
    products = Products.validate(tables["products"], cast=True)
    agents = SalesAgents.validate(tables["sales_teams"], cast=True)

    assert set(opportunities["account"]) <= set(accounts["account"])
    assert set(opportunities["product"]) <= set(products["product"])
    assert set(opportunities["sales_agent"]) <= set(agents["sales_agent"])
    assert set(accounts["subsidiary_of"].drop_nulls()) <= set(accounts["account"])
    assert opportunities["account"].null_count() == 0
    assert (products["sales_price"].min(), products["sales_price"].max()) == (50, 27_000)
    assert agents["regional_office"].n_unique() == 3
    assert (agents.group_by("manager").n_unique()["regional_office"] == 1).all()


def test_closes_lie_between_the_start_of_observation_and_the_last_day(tmp_path):
    start = date(2025, 1, 1)
    tables = written(tmp_path, start=start, days=300, truncate_left_days=60, **CLEAN)

    dates = tables["sales_pipeline"].select(pl.col("engage_date", "close_date").str.to_date())

    assert dates["engage_date"].min() >= start
    assert dates["close_date"].min() == start + timedelta(days=60)
    assert dates.max().row(0)[1] == start + timedelta(days=299)


def test_open_opportunities_mostly_lack_an_account_where_the_switch_says_so(tmp_path):
    pipeline = written(tmp_path, dirt=0.0)["sales_pipeline"]
    is_open = pl.col("deal_stage").is_in(["Prospecting", "Engaging"])

    assert pipeline.filter(is_open)["account"].is_null().mean() == pytest.approx(0.68, abs=0.03)
    assert pipeline.filter(~is_open)["account"].null_count() == 0


@pytest.mark.parametrize("seed", [0, 7, 2**70])
def test_ids_are_unique_and_eight_characters_long(seed):
    world = World(SampleSettings(opportunities=BLOCK + 50_000, seed=seed, **CLEAN))

    ids = sales_pipeline(world).select("opportunity_id").collect().to_series()

    assert ids.n_unique() == BLOCK + 50_000
    assert ids.str.contains(r"^[0-9A-Z]{8}$").all()


def test_the_same_settings_write_the_same_bytes_and_another_seed_does_not(tmp_path):
    same = SampleSettings(opportunities=2_000, seed=1)
    other = SampleSettings(opportunities=2_000, seed=2)

    first = hashes(write_sample(tmp_path / "first", same))
    again = hashes(write_sample(tmp_path / "again", same))
    elsewhere = hashes(write_sample(tmp_path / "other", other))

    assert first == again
    assert first[0] != elsewhere[0]


def test_rows_do_not_depend_on_the_number_of_threads():
    world = World(SampleSettings(opportunities=2 * BLOCK + 1_000))

    alone = sales_pipeline(world, threads=1).collect()
    together = sales_pipeline(world, threads=3).collect()

    assert alone.equals(together)


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_threads_of_the_machine(tmp_path):
    code = (
        "import sys; from pathlib import Path; from dealcast.settings import SampleSource;"
        "from dealcast.sources.sample import write_sample;"
        "write_sample(Path(sys.argv[1]), SampleSource(opportunities=700_000, signal=2))"
    )
    for threads in ("1", "3"):
        env = os.environ | {"POLARS_MAX_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        subprocess.run([sys.executable, "-c", code, tmp_path / threads], env=env, check=True)

    files = [sorted((tmp_path / threads).iterdir()) for threads in ("1", "3")]
    assert hashes(files[0]) == hashes(files[1])


def test_a_large_sample_is_parquet_with_the_same_names_and_text(tmp_path):
    files = write_sample(tmp_path, SampleSettings(opportunities=LARGEST_CSV + 1, **CLEAN))

    assert [file.name for file in files] == [f"{table}.parquet" for table in COLUMNS]
    frames = {file.stem: pl.read_parquet(file) for file in files}
    assert {name: frame.columns for name, frame in frames.items()} == COLUMNS
    assert frames["sales_pipeline"].height == LARGEST_CSV + 1
    assert set(frames["sales_pipeline"].dtypes) == {pl.String}


def test_the_truth_lies_beside_the_export_never_in_it(tmp_path):
    settings = SampleSettings(opportunities=500)

    files = write_sample(tmp_path / "demo", settings, truth=True)

    assert {f.name for f in (tmp_path / "demo").iterdir()} == {f"{t}.csv" for t in COLUMNS}
    assert files[4:] == [tmp_path / "truth" / "demo" / "part-0000.parquet"]
    assert pl.read_parquet(files[4])["p_won"].is_between(0, 1).all()


def test_a_folder_that_holds_an_export_is_refused_and_left_alone(tmp_path):
    (tmp_path / "sales_pipeline.csv").write_text("mine")

    with pytest.raises(SourceError, match=r"already holds 'sales_pipeline\.csv'"):
        write_sample(tmp_path, SampleSettings(opportunities=10))

    assert [f.read_text() for f in tmp_path.iterdir()] == ["mine"]


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(SourceError, match="cannot be written") as refused:
        write_sample(tmp_path / "file" / "into", SampleSettings(opportunities=10))

    assert "another folder" in refused.value.remedy


@pytest.mark.slow
@pytest.mark.parametrize("opportunities", [8_800, LARGEST_CSV + 1])
def test_a_full_disk_is_an_error_with_a_remedy_and_leaves_nothing(tmp_path, opportunities):
    # A limit on the size of files is met like a full disk; it needs a process of its own.
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from dealcast.errors import SourceError; from dealcast.settings import SampleSource\n"
        "from dealcast.sources.sample import write_sample\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try: write_sample(Path(sys.argv[1]), SampleSource(opportunities=int(sys.argv[2])))\n"
        "except SourceError as error: print(error)"
    )
    command = [sys.executable, "-c", code, tmp_path, str(opportunities)]

    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert "File too large" in said
    assert "make room in it" in said
    assert list(tmp_path.iterdir()) == []


def test_no_name_is_one_of_the_public_data_set(real_data):
    with (real_data / "sales_teams.csv").open(newline="") as teams:
        people = {row[key] for row in csv.DictReader(teams) for key in ("sales_agent", "manager")}
    firms = set(pl.read_csv(real_data / "accounts.csv")["account"])
    wares = set(pl.read_csv(real_data / "products.csv")["product"])

    assert not people & {*AGENTS, *MANAGERS}
    assert not firms & set(ACCOUNTS)
    assert not wares & {product.name for product in PRODUCTS}
