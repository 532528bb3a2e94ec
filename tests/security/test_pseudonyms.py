"""With pseudonyms everything comes to the same, and no name is left in the store."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from dealcast.cli import cli
from dealcast.settings import PrivacySettings, SampleSource
from dealcast.sources.pseudonyms import Pseudonyms
from dealcast.sources.sample import write_sample
from dealcast.workflow.store import Store
from security.watching import Watched
from servers.api import api_on

KEY = "a-key-of-tests-only"
AGENTS, ACCOUNTS = ("sales_agent", "manager", "owner"), ("account", "subsidiary_of")
# Text that may speak of people and customers.
SENTENCES = ("note", "reason_for", "reason_against", "name")
# What differs by design: when it was made, and what a name is coded as, or sorted by.
BY_DESIGN = (
    "run_id",
    "sales_agent_encoded",
    "account_encoded",
    "sales_agent_scaled",
    "account_scaled",
)
TABLES = (
    *("crm_data_processed", "accounts", "products", "sales_agents", "crm_features"),
    *("snapshot_features", "leak_audit", "backtest_predictions", "scores", "score_reasons"),
    *("forecast", "forecast_backtest", "dead_pipeline", "drift"),
)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dirty export: keys in several spellings, white space, bad rows."""
    folder = tmp_path_factory.mktemp("export")
    write_sample(folder, SampleSource(opportunities=1_500, dirt=5))
    return folder


def ran(root: Path, export: Path, *more: str, key: str | None = None) -> Store:
    words = ["run", "--path", str(export), "--root", str(root), "--json", *more]
    done = CliRunner().invoke(cli, words, env={"DEALCAST__PRIVACY__KEY": key})
    assert done.exit_code == 0, done.output + str(done.exception)
    return Store(str(root))


@pytest.fixture(scope="module")
def stores(export: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    """The same export run with names and with pseudonyms."""
    folder = tmp_path_factory.mktemp("stores")
    wanted = ("--set", "privacy.pseudonyms=[sales_agent, account]")
    return ran(folder / "names", export), ran(folder / "pseudonyms", export, *wanted, key=KEY)


@pytest.fixture(scope="module")
def pseudonym_of(stores: tuple[Store, Store]) -> dict[str, dict[str, str]]:
    """Of the clear store, each name's pseudonym, for people and for customers."""
    made = Pseudonyms.of(PrivacySettings(pseudonyms=("sales_agent", "account"), key=KEY), {})
    assert made is not None
    names: dict[str, set[str]] = {"agent": set(), "account": set()}
    for table in ("crm_data_processed", "accounts", "sales_agents"):
        frame = stores[0].load(table)
        for kind, columns in (("agent", AGENTS), ("account", ACCOUNTS)):
            for column in set(columns) & set(frame.columns):
                names[kind] |= set(frame[column].drop_nulls())
    return {kind: {n: made.of_name(n, kind) for n in found} for kind, found in names.items()}


def renamed(frame: pl.DataFrame, pseudonym_of: dict[str, dict[str, str]]) -> pl.DataFrame:
    """The table of the clear run as it would be with pseudonyms, in an order of its own."""
    for kind, columns in (("agent", AGENTS), ("account", ACCOUNTS)):
        ours = [c for c in columns if c in frame.columns]
        frame = frame.with_columns(pl.col(c).replace(pseudonym_of[kind]) for c in ours)
    names = pseudonym_of["account"] | pseudonym_of["agent"]
    return frame.with_columns(
        pl.col(c).str.replace_many(list(names), list(names.values()), leftmost=True)
        for c in SENTENCES
        if c in frame.columns
    )


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_the_same_but_for_names(
    stores: tuple[Store, Store], pseudonym_of: dict[str, dict[str, str]], table: str
) -> None:
    clear, hidden = (store.load(table) for store in stores)
    wanted = renamed(clear, pseudonym_of)
    wanted, found = (f.drop(BY_DESIGN, strict=False) for f in (wanted, hidden))
    keys = [c for c, kind in wanted.schema.items() if not kind.is_float()]

    assert found.height > 0
    assert_frame_equal(found.sort(keys), wanted.sort(keys), rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.slow
def test_the_api_takes_names_and_answers_with_pseudonyms(
    stores: tuple[Store, Store],
    pseudonym_of: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clear, hidden = stores
    monkeypatch.setenv("DEALCAST__PRIVACY__KEY", KEY)
    monkeypatch.setenv("DEALCAST__PRIVACY__PSEUDONYMS", "[sales_agent, account]")
    agent, pseudonym = next(iter(pseudonym_of["agent"].items()))
    one = {"opportunity_id": "N", "engage_date": "2025-12-20", "product": "MG"}
    with api_on(hidden.root, tmp_path) as api:
        by_name, by_pseudonym = (
            api.score(one | {"sales_agent": name}).json()["opportunities"][0]
            for name in (f" {agent} ", pseudonym)
        )
        listed = api.client.get("/v1/opportunities", params={"sales_agent": agent}).json()
    monkeypatch.delenv("DEALCAST__PRIVACY__PSEUDONYMS")
    with api_on(clear.root, tmp_path) as api:
        as_before = api.score(one | {"sales_agent": agent}).json()["opportunities"][0]

    assert by_name == by_pseudonym
    assert by_name["sales_agent"] == pseudonym
    assert by_name["chances"] == as_before["chances"]
    assert listed["total"] == clear.load("scores").filter(sales_agent=agent).height


@pytest.mark.slow
def test_no_name_is_left_in_the_store(
    stores: tuple[Store, Store], pseudonym_of: dict[str, dict[str, str]]
) -> None:
    names = [name for found in pseudonym_of.values() for name in found]
    nothing = Watched(0, "", "", set())

    assert len(names) > 60
    assert nothing.leaks(names, Path(stores[0].root))
    assert nothing.leaks([*names, KEY], Path(stores[1].root)) == []


def test_another_run_finds_the_same_pseudonyms_and_skips_what_did_not_change(
    export: Path, tmp_path: Path
) -> None:
    wanted = ("--set", "privacy.pseudonyms=[sales_agent, account]", "--to", "clean")
    first = ran(tmp_path, export, *wanted, key=KEY)
    raws = set(first.list_objects("raw"))

    again = ran(tmp_path, export, *wanted, key=KEY)

    assert set(again.list_objects("raw")) == raws
    assert len(again.history("crm_data_processed")) == 1


@pytest.mark.parametrize(
    ("wanted", "key", "said"),
    [
        ("[sales_agent]", KEY.upper(), "made with another privacy.key"),
        ("[sales_agent, account]", KEY, "in the place of sales_agent, and privacy"),
        ("[]", None, "asks for names as they are"),
    ],
)
def test_a_store_takes_no_names_that_it_would_not_know_again(
    export: Path, tmp_path: Path, wanted: str, key: str | None, said: str
) -> None:
    options = ("--to", "ingest", "--set")
    store = ran(tmp_path, export, *options, "privacy.pseudonyms=[sales_agent]", key=KEY)
    before = store.list_objects("raw")
    words = ["run", "--path", str(export), "--root", store.root, *options]
    env = {"DEALCAST__PRIVACY__KEY": key}

    done: Any = CliRunner().invoke(cli, [*words, f"privacy.pseudonyms={wanted}"], env=env)

    assert said in done.exception.problem
    assert "--root" in done.exception.remedy
    assert store.list_objects("raw") == before


def test_names_and_pseudonyms_do_not_meet_in_one_store(export: Path, tmp_path: Path) -> None:
    store = ran(tmp_path, export, "--to", "ingest")
    words = ["run", "--path", str(export), "--root", store.root]
    env = {"DEALCAST__PRIVACY__KEY": KEY}

    done: Any = CliRunner().invoke(cli, [*words, "--set", "privacy.pseudonyms=[account]"], env=env)

    assert "holds names as they are" in done.exception.problem


def test_without_a_key_nothing_is_read(export: Path, tmp_path: Path) -> None:
    words = ["run", "--path", str(export), "--root", str(tmp_path / "store")]
    done: Any = CliRunner().invoke(cli, [*words, "--set", "privacy.pseudonyms=[account]"])

    assert done.exit_code
    assert "no key" in done.exception.problem
    assert not (tmp_path / "store").exists()
