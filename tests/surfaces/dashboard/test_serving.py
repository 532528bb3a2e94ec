"""What can be told of the dashboard without a browser: options, refusals, pages and filters."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from dealcast.cli import cli
from dealcast.errors import MissingExtraError, ServiceError
from dealcast.settings import StorageSettings, load_settings
from dealcast.surfaces.dashboard import serving
from dealcast.surfaces.words import short
from dealcast.workflow.copying import copy_store
from dealcast.workflow.store import open_store

pytest.importorskip("streamlit", reason="Streamlit is not installed")

PAGE = """
from dealcast.surfaces.dashboard import reading
from dealcast.surfaces.dashboard.views.index import PAGES
next(p for p in PAGES if p.name == {page!r}).show(reading.kept({run!r}))
"""


@pytest.fixture
def page_of() -> Callable[..., Any]:
    """page_of(run, name): a page of the run, drawn without a browser."""
    from streamlit.testing.v1 import AppTest

    from dealcast.surfaces.dashboard.served import serve_from

    def draw(ran: Any, page: str, **flags: object) -> Any:
        serve_from(load_settings(environ={}, flags={"storage.root": ran.store.root} | flags))
        script = PAGE.format(page=page, run=ran.manifest.run_id)
        return AppTest.from_string(script, default_timeout=60).run()

    return draw


def test_it_is_for_this_machine_alone_and_tells_nobody() -> None:
    loaded = load_settings(environ={}, flags={})
    chosen = serving.options(loaded.settings.dashboard)

    assert chosen["server_address"] == "127.0.0.1"
    assert chosen["browser_gatherUsageStats"] is False
    assert chosen["server_headless"] is True


def test_a_port_that_is_taken_is_refused_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        loaded = load_settings(environ={}, flags={"dashboard.port": port})

        with pytest.raises(ServiceError, match=f"127.0.0.1:{port}") as refused:
            serving.require(loaded)

    assert "--port" in refused.value.remedy


def test_without_the_extra_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "find_spec", lambda _: None)

    with pytest.raises(MissingExtraError) as refused:
        serving.require(load_settings(environ={}, flags={}))

    assert "dealcast[dashboard]" in refused.value.remedy


def test_a_port_that_is_none_is_refused() -> None:
    done = CliRunner().invoke(cli, ["dashboard", "--port", "70000"])

    assert done.exit_code
    assert "dashboard.port" in str(done.exception)


@pytest.mark.parametrize(
    "page",
    ["overview", "opportunities", "forecast", "quality", "model", "monitoring", "runs"],
)
@pytest.mark.parametrize("of", ["sample", "tiny", "begun"])
def test_every_page_can_be_drawn(
    page_of: Callable[..., Any], of: str, page: str, request: pytest.FixtureRequest
) -> None:
    drawn = page_of(request.getfixturevalue(of), page)

    assert not drawn.exception
    assert drawn.markdown


HOSTILE = """
from dealcast.errors import SourceError
from dealcast.surfaces.dashboard import shell

def refused():
    raise SourceError("A stage '![x](http://host/x.png)' is not known.", remedy="ask <b>Ann</b>")

shell._guarded(refused)
"""


def test_a_name_in_an_error_is_no_picture_and_no_markup() -> None:
    from streamlit.testing.v1 import AppTest

    (told,) = AppTest.from_string(HOSTILE, default_timeout=60).run().error

    assert "\\!\\[x\\]\\(http" in told.value
    assert "\\<b\\>Ann" in told.value


@pytest.fixture(scope="module")
def begun(
    run_on: Callable[..., Any], tiny_export: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A run that only read and checked an export."""
    return run_on(
        tmp_path_factory.mktemp("begun"), source__kind="files", source__path=str(tiny_export),
        stop="validate",
    )  # fmt: skip


def test_a_bucket_is_shown_like_a_folder(page_of: Callable[..., Any], sample: Any, s3: Any) -> None:
    bucket = open_store(StorageSettings(**s3.settings()))
    copy_store(sample.store, bucket)
    flags = {f"storage.{name}": value for name, value in s3.settings().items()}
    flags["storage.root"] = bucket.root

    for page in ("overview", "opportunities", "quality", "runs"):
        shown, local = page_of(sample, page, **flags), page_of(sample, page)
        assert not shown.exception
        assert not shown.error
        assert [c.value for c in shown.caption] == [c.value for c in local.caption]


def test_the_overview_tells_the_figures_of_the_tables(
    page_of: Callable[..., Any], sample: Any
) -> None:
    record = {s.name: s for s in sample.manifest.steps}["forecast"]
    periods = record.figures["next_periods"]
    quarter = next(p for p in periods if p["period_kind"] == "quarter")

    headline = page_of(sample, "overview").markdown[0].value

    assert short(quarter["forecast"]) in headline
    assert short(record.figures["dead_pipeline"]["open_amount"]) in headline


def test_a_filter_leaves_what_was_chosen(page_of: Callable[..., Any], sample: Any) -> None:
    page = page_of(sample, "opportunities")
    scores = sample.store.load("scores").filter(~pl.col("is_stale"))

    page.multiselect(key="grades").select("C").run()

    grades = set(page.dataframe[0].value["grade"])
    assert grades == {"C"}
    wanted = scores.filter(scores["grade"] == "C").height
    assert any(f"{wanted:,} opportunit" in c.value for c in page.caption)


def test_a_search_for_nobody_says_what_to_do(page_of: Callable[..., Any], sample: Any) -> None:
    page = page_of(sample, "opportunities")

    page.text_input(key="search").input("nobody is called so").run()

    assert not page.exception
    assert not page.dataframe
    assert any("take a filter away" in m.value for m in page.markdown)


def test_a_slider_moves_the_scenario(page_of: Callable[..., Any], sample: Any) -> None:
    page = page_of(sample, "forecast")
    assert any("As issued, " in m.value for m in page.markdown)

    page.slider(key="new").set_value(150).run()

    assert any("instead of" in m.value for m in page.markdown)
