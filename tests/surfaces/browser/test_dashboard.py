"""The dashboard in a real browser: every page, in both themes, on a page and on a telephone.

Screenshots are kept in the folder DEALCAST_SCREENSHOTS names, else in pytest's own.
"""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from dealcast.surfaces.words import count, short
from servers.chromium import NEEDED, SIZES, device, least_contrast

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    *NEEDED,
    pytest.mark.skipif(
        importlib.util.find_spec("streamlit") is None, reason="Streamlit is not installed"
    ),
]
PAGES = ("Overview", "Opportunities", "Forecast", "Data quality", "Model", "Monitoring", "Runs")
PATIENCE = 120_000  # milliseconds: a machine may be busy
IDLE = """() => document.querySelector('[data-testid=stApp]')
    ?.dataset.testScriptState === 'notRunning'"""
CONTRAST = least_contrast(
    "[data-testid=stApp]",
    ".dealcast p, .dealcast td, .dealcast th, .dealcast .detail, .dealcast text, h1",
)


@contextmanager
def dashboard_on(root: str, log: Path) -> Iterator[str]:
    """A dashboard on the store at root, by the command; gives its URL, stops it at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ("dashboard", "--root", root, "--port", str(port))
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "dealcast", *command], stdout=output, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/_stcore/health", server, log)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(3000):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the dashboard did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def sample_url(sample: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dashboard_on(sample.store.root, tmp_path_factory.mktemp("log") / "log") as url:
        yield url


Visit = Callable[..., "Page"]


@pytest.fixture
def visit(chromium: "Browser") -> Iterator[Visit]:
    """Opens a dashboard; `page.heard` is what it logs, or asks of anybody but its own server."""
    contexts = []

    def open_(url: str, size: str = "page", scheme: Any = "light") -> Any:
        context = chromium.new_context(**device(size), color_scheme=scheme)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        heard: list[str] = []
        page.on("console", lambda m: heard.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda r: None if _is_own(r.url, url) else heard.append(r.url))
        page.goto(url)
        settle(page)
        page.heard = heard  # type: ignore[attr-defined]
        return page

    yield open_
    for context in contexts:
        context.close()


def _is_own(asked: str, url: str) -> bool:
    server = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    return asked.startswith((server, server.replace("http", "ws", 1), "data:", "blob:"))


def settle(page: Any) -> None:
    """Wait until the page is drawn."""
    page.locator("h1").first.wait_for()
    page.wait_for_function(IDLE)
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")


def turn_to(page: Any, title: str, size: str) -> None:
    """Go to a page by the navigation, which a telephone shows only from one choice to the next."""
    if size == "telephone":
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
    page.locator("h1", has_text=title).wait_for()
    if size == "telephone":
        page.get_by_test_id("stExpandSidebarButton").wait_for()
    settle(page)


def shot(page: Any, name: str, tmp_path: Path) -> None:
    folder = Path(os.environ.get("DEALCAST_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"dashboard-{name}.png")


def walk(page: Any, size: str, kind: str, tmp_path: Path) -> dict[str, str]:
    """Every page in turn: what each says. Nothing may fail, stick out or be hard to read."""
    said = {}
    for title in PAGES:
        turn_to(page, title, size)
        name = title.lower().replace(" ", "-")
        said[title] = looked_at(page, size, f"{name}-{kind}", tmp_path)
        for at in range(1, page.get_by_test_id("stTab").count()):
            page.get_by_test_id("stTab").nth(at).click()
            settle(page)
            said[title] += looked_at(page, size, f"{name}-{at + 1}-{kind}", tmp_path)
    assert page.heard == []
    return said


def looked_at(page: Any, size: str, name: str, tmp_path: Path) -> str:
    """What a page, or a tab of it, says."""
    text: str = page.get_by_test_id("stMain").inner_text()
    assert "could not be drawn" not in text
    assert page.get_by_test_id("stException").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert page.evaluate(CONTRAST) >= 4.5
    shot(page, name, tmp_path)
    return text


def figures_are_those_of(ran: Any, said: dict[str, str]) -> None:
    """The key figures on the pages equal the tables of the run."""
    forecast = ran.store.load("forecast")
    quarter = forecast.filter(forecast["period_kind"] == "quarter")["forecast"][0]
    owners, scores = ran.store.load("dead_pipeline"), ran.store.load("scores")
    live = scores.filter(~scores["is_stale"])

    assert short(quarter) in said["Overview"]
    assert short(owners["open_amount"].sum()) in said["Overview"]
    assert f"{count(quarter)} " in said["Forecast"]
    assert f"{count(live.height)} opportunities of {count(scores.height)}" in said["Opportunities"]
    assert f"{count(live['amount'].sum())} " in said["Opportunities"]
    assert f"{ran.manifest.figures['quality_raw']:.3f}" in said["Data quality"]
    assert ran.manifest.run_id in said["Runs"]


@pytest.mark.parametrize(
    "seen",
    [
        ("page", "light"),
        pytest.param(("page", "dark"), marks=pytest.mark.slow),
        pytest.param(("telephone", "light"), marks=pytest.mark.slow),
        pytest.param(("telephone", "dark"), marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def test_every_page_shows_what_the_run_kept(
    visit: Visit, sample: Any, sample_url: str, seen: tuple[str, str], tmp_path: Path
) -> None:
    page = visit(sample_url, *seen)

    said = walk(page, seen[0], "-".join(seen), tmp_path)

    figures_are_those_of(sample, said)


@pytest.mark.slow
def test_a_link_to_a_page_opens_it_for_who_comes_first(
    visit: Visit, tiny: Any, tmp_path: Path
) -> None:
    with dashboard_on(tiny.store.root, tmp_path / "log") as url:
        page = visit(f"{url}/opportunities")

        assert page.locator("h1").first.inner_text() == "Opportunities"
        links = page.get_by_test_id("stSidebarNavLink").all_inner_texts()
        assert [link.splitlines()[-1] for link in links] == [*PAGES]  # before it, its icon's name


@pytest.mark.slow
def test_a_row_that_is_chosen_is_told_in_detail_and_stands_in_the_url(
    visit: Visit, sample: Any, sample_url: str
) -> None:
    live = sample.store.load("scores").filter(~pl.col("is_stale"))
    best = live.sort("expected_value", descending=True, nulls_last=True, maintain_order=True)
    third = best["opportunity_id"][2]
    page = visit(f"{sample_url}/opportunities")
    box = page.get_by_test_id("stDataFrame").bounding_box()
    assert box is not None

    page.mouse.click(box["x"] + 20, box["y"] + 3.5 * box["height"] / 12)
    page.wait_for_url(f"**opportunity={third}")
    settle(page)
    chosen = page.locator("h3", has_text="In detail").inner_text()
    page.goto(page.url)
    settle(page)

    assert chosen == f"In detail: {third}"
    assert page.locator("h3", has_text="In detail").inner_text() == chosen


@pytest.mark.slow
def test_a_name_that_attacks_does_nothing(visit: Visit, tiny: Any, tmp_path: Path) -> None:
    with dashboard_on(tiny.store.root, tmp_path / "log") as url:
        page = visit(url)
        page.on("dialog", lambda dialog: page.heard.append(dialog.message))  # type: ignore[attr-defined]

        said = walk(page, "page", "tiny", tmp_path)

    assert "<script>alert(1)</script>" in said["Opportunities"]
    assert page.locator(".dealcast script, .dealcast img").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_an_empty_store_says_what_to_do(visit: Visit, size: str, tmp_path: Path) -> None:
    with dashboard_on(str(tmp_path / "empty"), tmp_path / "log") as url:
        said = walk(visit(url, size), size, f"empty-{size}", tmp_path)

    assert all("dealcast run --source sample" in text for text in said.values())


@pytest.mark.slow
def test_it_shows_the_real_data(
    visit: Visit, run_on: Callable[..., Any], real_data: Path, tmp_path: Path
) -> None:
    ran = run_on(tmp_path / "store", source__kind="files", source__path=str(real_data))
    with dashboard_on(ran.store.root, tmp_path / "log") as url:
        said = walk(visit(url), "page", "real", tmp_path)

    figures_are_those_of(ran, said)
