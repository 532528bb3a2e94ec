"""What stands around every page: navigation, the run that is shown, errors, the empty store."""

import logging
from collections.abc import Callable
from functools import partial

import streamlit as st

from dealcast.errors import DealcastError
from dealcast.surfaces.dashboard import reading, showing
from dealcast.surfaces.dashboard.over_time import run_name
from dealcast.surfaces.dashboard.served import store
from dealcast.surfaces.dashboard.views.index import PAGES, Page
from dealcast.surfaces.report.blocks import Nothing
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.words import day

logger = logging.getLogger(__name__)


def show() -> None:
    """The page that was asked for, of the run that was chosen."""
    st.set_page_config(page_title="Dealcast", page_icon="📈", layout="wide")
    showing.style()
    pages = {
        page.name: st.Page(
            partial(_show, page), title=page.title, icon=page.icon, url_path=page.name,
            default=at == 0,
        )
        for at, page in enumerate(PAGES)
    }  # fmt: skip
    showing.keep_links(pages)
    st.navigation(list(pages.values())).run()


def _show(page: Page) -> None:
    st.title(page.title)
    _guarded(lambda: _show_run(page))


def _show_run(page: Page) -> None:
    runs = reading.latest_runs()
    if not runs:
        showing.show([_no_run()])
        return
    kept = _chosen(runs)
    _about(kept)
    page.show(kept)


def _chosen(runs: list[str]) -> Kept:
    """The run that the sidebar says; at first the newest that has ended."""
    ended = (at for at, run in enumerate(runs) if (m := reading.manifest(run)) and m.finished)
    newest = next(ended, 0)
    run_id = st.sidebar.selectbox(
        "Run", runs, index=newest, format_func=run_name, key="run", bind="query-params"
    )
    return reading.kept(run_id or runs[newest])


def _about(kept: Kept) -> None:
    """Which run it is, and what is odd about it."""
    manifest = kept.manifest
    st.sidebar.caption(
        f"Data until {day(kept.known_until)} · {manifest.environment} · {manifest.status}  \n"
        f"Store: {showing.as_text(kept.store.root)}"
    )
    if kept.figures("ingest").get("source_kind") == "sample":
        st.sidebar.caption("Generated sample: an invented company. No figure is about a real one.")
    if manifest.finished is None:
        st.info("This run is going on, or was cut off: what it has not made yet is missing.")
    elif manifest.error:
        st.error(showing.as_text(f"This run {manifest.status}: {manifest.error}"))


def _no_run() -> Nothing:
    root = store().root
    return Nothing(
        f"There is no run in the store {root} yet.",
        f"`dealcast run --source sample --root {root}` tries it on a generated CRM, "
        f"`dealcast run --path exports/ --root {root}` takes your own export; then load this page "
        "again",
    )


def _guarded(draw: Callable[[], None]) -> None:
    """Draw it; of an error, say what it is and what to do."""
    try:
        draw()
    except DealcastError as error:
        problem, remedy = showing.as_text(error.problem), showing.as_text(error.remedy)
        st.error(f"{problem}\n\n**What to do:** {remedy}")
    except Exception as error:  # a page that fails must say so, not stay white
        logger.exception("a page of the dashboard failed")
        st.error(
            f"This page could not be drawn: {type(error).__name__}.\n\n**What to do:** choose "
            "another run, or run `dealcast run` anew; the terminal of the dashboard says more."
        )
