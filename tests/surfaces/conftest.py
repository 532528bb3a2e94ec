"""Runs on small stores, with the report that each draws; a page read back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dealcast.settings import load_settings
from dealcast.surfaces.report import keep_report
from dealcast.workflow.manifest import RunManifest, StepRecord, load_manifest
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.steps import Step
from dealcast.workflow.store import Store
from servers.sample import SampleRun

# Four opportunities, too few to judge anything on; their names are somebody's attack.
ATTACK = '"><script>alert(1)</script>'
TINY = f"""opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
A1,Ann <b>Bold</b>,Widget,Acme,Won,2024-01-02,2024-02-01,100
A2,Bob,Widget,,Lost,2024-01-12,2024-02-11,0
"A3{ATTACK.replace('"', '""')}","Ann{ATTACK.replace('"', '""')}",Widget,,Engaging,2024-02-02,,
A4,Bob,<img src=x onerror=alert(2)>,,Prospecting,,,
"""


class Silent:
    """A watcher that shows nothing."""

    def started(self, step: Step) -> None: ...

    def progressed(self, note: str, share: float) -> None: ...

    def finished(self, record: StepRecord) -> None: ...


@dataclass(frozen=True)
class Ran:
    """A run that has ended, and its store."""

    manifest: RunManifest
    store: Store

    @property
    def html(self) -> str:
        content = self.store.get_object(self.manifest.report_key)
        assert content is not None
        return content.decode()


Running = Callable[..., Ran]


@pytest.fixture(scope="session")
def run_on() -> Running:
    """run_on(root, stop="clean", **settings): a run on the store at root that draws its report."""

    def run(
        root: Path, *, start: str | None = None, stop: str | None = None, **flags: object
    ) -> Ran:
        given = {"storage.root": str(root), **{k.replace("__", "."): v for k, v in flags.items()}}
        loaded = load_settings(environ={}, flags=given)
        plan = Plan(start, stop)
        manifest = run_steps(loaded, plan, Silent(), quiet=True, closing=keep_report)
        return Ran(manifest, Store(str(root)))

    return run


@pytest.fixture(scope="session")
def sample(sample_run: SampleRun) -> Ran:
    """A whole run on the generated sample. Not to be changed."""
    store = Store(str(sample_run.root))
    return Ran(load_manifest(store, "latest"), store)


@pytest.fixture(scope="session")
def tiny_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an export of four opportunities."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "opportunities.csv").write_text(TINY, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny(run_on: Running, tiny_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A whole run on four opportunities: hardly anything can be told. Not to be changed."""
    return run_on(
        tmp_path_factory.mktemp("tiny"),
        source__kind="files",
        source__path=str(tiny_export),
        model__min_closed=1,
    )


@dataclass
class Page(HTMLParser):
    """A page as a browser takes it: tags with attributes, tables by title, sections as text."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    sections: dict[str, str] = field(default_factory=dict)
    svgs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._section, self._table = "", ""
        self._in_cell = self._in_caption = False

    @classmethod
    def of(cls, html: str) -> "Page":
        page = cls()
        page.feed(html)
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append((tag, named))
        if tag == "section":
            self._section = named.get("id") or "top"
        elif tag == "div" and "table" in (named.get("class") or "").split():
            self._table = named.get("aria-label") or ""
            self.tables.setdefault(self._table, [])
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[self._table][-1][-1] += data.strip()
        self.sections[self._section] = self.sections.get(self._section, "") + data

    def rows(self, title: str) -> list[dict[str, str]]:
        """The rows of the table whose title begins so."""
        head, *body = next(rows for name, rows in self.tables.items() if name.startswith(title))
        return [dict(zip(head, row, strict=True)) for row in body]


@pytest.fixture(scope="session")
def page_of() -> Callable[[str], Page]:
    """Reads a page."""
    return Page.of
