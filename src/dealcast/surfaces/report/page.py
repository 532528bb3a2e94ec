"""The report as one HTML file: no script from elsewhere, no font, no picture, no request."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dealcast.surfaces.charts import STYLE
from dealcast.surfaces.report.blocks import Block
from dealcast.surfaces.report.headline import Card, cards, remarks
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.report.parts import written
from dealcast.surfaces.tables.shape import Cell
from dealcast.surfaces.words import day

TEMPLATES = "templates"
# Letters; a longer word, such as a path, may be broken where there is no room.
LONGEST_WORD = 22


def page(kept: Kept) -> str:
    """The report of a run. Raises StoreError where what the run recorded is gone."""
    manifest, script = kept.manifest, _asset("sort.js")
    return (
        _environment()
        .get_template("report.html")
        .render(
            run_id=manifest.run_id,
            environment=manifest.environment,
            started=f"{day(manifest.started)} {manifest.started[11:16]}",
            status=manifest.status,
            version=manifest.code["version"],
            known_until=day(kept.known_until),
            is_sample=kept.figures("ingest").get("source_kind") == "sample",
            cards=cards(kept),
            remarks=remarks(kept),
            parts=list(written(kept)),
            # Parts of Dealcast, not of the data: the only text that is not escaped.
            style=Markup(STYLE + block_style() + _asset("report.css")),  # noqa: S704
            script=Markup(script),  # noqa: S704
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def blocks_html(blocks: Sequence[Block]) -> str:
    """The blocks as a piece of a page that has `block_style`."""
    return str(_macros().blocks(blocks))


def headline_html(figures: Sequence[Card]) -> str:
    """The headline figures as a piece of such a page."""
    return str(_macros().headline(figures))


def block_style() -> str:
    """How cards and blocks look; the colours are those of the charts."""
    return _asset("blocks.css")


def _macros() -> Any:
    return _environment().get_template("blocks.html").module


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dealcast.surfaces.report", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["figures"] = _is_number
    environment.filters["marked"] = marked
    environment.filters["look"] = look
    return environment


@cache
def _asset(name: str) -> str:
    return files("dealcast.surfaces.report").joinpath(TEMPLATES, name).read_text(encoding="utf-8")


def marked(text: str) -> Markup:
    """The text escaped; what stands between backticks is set as a command.

    >>> marked("`dealcast run` <b>")
    Markup('<code>dealcast run</code> &lt;b&gt;')
    """
    pieces = [escape(piece) for piece in text.split("`")]
    pieces[1::2] = [Markup("<code>{}</code>").format(piece) for piece in pieces[1::2]]
    return Markup("").join(pieces)


def look(cell: Cell | str, column: str) -> str:
    """The classes of a cell: a `number`, `none` to be told, a `long` word that may be broken.

    >>> look("-", ">rows"), look("runs/20261130T071218Z-d25f/drift.json", "objects")
    ('number none', 'long')
    """
    text = cell if isinstance(cell, str) else cell.text
    classes = {
        "number": _is_number(column),
        "none": text == "-",
        "long": any(len(word) > LONGEST_WORD for word in text.split()),
    }
    return " ".join(name for name, holds in classes.items() if holds)


def _is_number(column: Any) -> bool:
    return str(column).startswith(">")
