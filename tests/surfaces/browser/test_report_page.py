"""The report in a real browser: offline, in light and dark, on a page and on a telephone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from servers.chromium import NEEDED, SIZES, device, least_contrast

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [*NEEDED]
A4 = {"width": 718, "height": 1047}  # within the margins that a browser leaves
TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".table"))
    .map((e) => e.outerHTML.slice(0, 80))"""
SMALLEST_TEXT = """() => Math.min(...[...document.querySelectorAll(".chart text")]
    .filter((e) => e.getClientRects().length)
    .map((e) => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a))"""
CONTRAST = least_contrast("body", "p, td, th, li, h1, h2, .detail, .label, .muted")
OVERLAPS = """() => [...document.querySelectorAll(".chart")]
    .filter((svg) => svg.getClientRects().length)
    .flatMap((svg) => {
      const boxes = [...svg.querySelectorAll("text")].map((t) => [t.textContent, t.getBBox()]);
      return boxes.flatMap(([a, p], i) => boxes.slice(i + 1)
        .filter(([_, q]) => Math.min(p.x + p.width, q.x + q.width) - Math.max(p.x, q.x) > 2
          && Math.min(p.y + p.height, q.y + q.height) - Math.max(p.y, q.y) > 4)
        .map(([b]) => `${svg.dataset.chart}: ${a} / ${b}`));
    })"""


@pytest.fixture
def opened(chromium: "Browser") -> "Iterator[Callable[..., Page]]":
    """Opens a report as a file; what it logs or asks for is kept in `page.heard`."""
    contexts = []

    def open_(ran: Any, size: str = "page", *, scheme: Any = "light", scripts: bool = True) -> Any:
        context = chromium.new_context(
            **device(size),
            color_scheme=scheme,
            java_script_enabled=scripts,
            offline=True,
        )
        contexts.append(context)
        page = context.new_page()
        heard: list[str] = []
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: heard.append(dialog.message))
        page.on("request", lambda request: heard.append(request.url))
        file = Path(ran.store.place(ran.manifest.report_key))
        page.goto(file.as_uri())
        page.wait_for_load_state("networkidle")
        heard.remove(file.as_uri())
        page.heard = heard  # type: ignore[attr-defined]
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("of", ["sample", "tiny"])
def test_it_opens_offline_without_a_word_and_fits(
    opened: Any, of: str, size: str, scheme: str, request: pytest.FixtureRequest
) -> None:
    page = opened(request.getfixturevalue(of), size, scheme=scheme)

    assert page.heard == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert page.evaluate(TOO_WIDE) == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("of", ["sample", "tiny"])
def test_charts_can_be_read(
    opened: Any, of: str, size: str, request: pytest.FixtureRequest
) -> None:
    page = opened(request.getfixturevalue(of), size)
    page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")

    assert page.evaluate(SMALLEST_TEXT) >= 9
    assert page.evaluate(OVERLAPS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(opened: Any, sample: Any, scheme: str) -> None:
    page = opened(sample, scheme=scheme)

    assert page.evaluate(CONTRAST) >= 4.5


def test_a_table_sorts_by_the_head_that_is_clicked_and_back(opened: Any, sample: Any) -> None:
    page = opened(sample)
    table = page.locator("#open table").first
    days = table.locator("td[data-label='days open']")

    before = [int(d) for d in days.all_text_contents()]
    table.get_by_role("button", name="days open").click()
    rising = [int(d) for d in days.all_text_contents()]
    table.get_by_role("button", name="days open").click()
    falling = [int(d) for d in days.all_text_contents()]

    assert rising == sorted(before)
    assert falling == sorted(before, reverse=True)
    assert before not in (rising, falling)
    assert table.locator("th[aria-sort='descending']").count() == 1


def test_without_scripts_it_is_all_there(opened: Any, sample: Any) -> None:
    page = opened(sample, scripts=False)

    assert page.locator("#open tbody tr").count() >= 25
    assert page.locator("th button").count() == 0
    page.locator("#bookings summary").first.click()
    assert page.locator("#bookings details[open] table").first.is_visible()


def test_an_attack_in_a_name_does_nothing(opened: Any, tiny: Any) -> None:
    page = opened(tiny)

    assert page.heard == []
    assert page.get_by_text('A3"><script>alert(1)</script>').first.is_visible()


def test_printed_it_shows_what_is_folded(opened: Any, sample: Any, tmp_path: Path) -> None:
    page = opened(sample)
    page.emulate_media(media="print")
    page.set_viewport_size(A4)

    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")

    assert page.locator("details:not([open])").count() == 0
    assert not page.locator("nav").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= A4["width"]
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
