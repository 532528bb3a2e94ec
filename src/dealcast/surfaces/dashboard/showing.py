"""Blocks on a page, in the theme that the visitor sees."""

import re
from collections.abc import Iterable, Mapping

import streamlit as st

from dealcast.surfaces import charts
from dealcast.surfaces.report.blocks import Block
from dealcast.surfaces.report.page import block_style, blocks_html

# Blocks stand below one class, so that their style leaves Streamlit's own elements alone.
FRAME = "dealcast"
_LINKS = "links"
# Before each of these a backslash says that it is itself (CommonMark, 2.4).
_MARKS = re.compile(r"[!-/:-@\[-`{-~]")
_BLANK = re.compile(r"\n\s*\n")
_PAGE = """
.stMainBlockContainer { max-width: 1160px; padding: 3.2rem 2.5rem 4rem; }
.stMainBlockContainer h1 { font-size: 2rem; padding: 0 0 0.4rem; }
.stMainBlockContainer h2, .stMainBlockContainer h3 { font-size: 1.35rem; }
.dealcast { color: var(--ink); font-size: 16px; line-height: 1.55; overflow-wrap: break-word; }
.dealcast p, .dealcast li { font-size: inherit; }
@media (min-width: 641px) {
  .dealcast .cards { grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); }
}
.dealcast .cards { margin: 4px 0 22px; }
.dealcast th, .dealcast td { border-width: 0 0 1px; }
.dealcast svg[width="500"] { max-width: 580px; }
@media (max-width: 640px) { .stMainBlockContainer { padding-inline: 1rem; } }
"""


def style() -> None:
    """The style of all blocks; once per page, before them and on their way, so that it is there."""
    nested = f".{FRAME} {{ {block_style()} }}"
    of_all = charts.style(st.context.theme.type) + nested + _PAGE
    st.markdown(f"<style>{of_all}</style>", unsafe_allow_html=True)


def keep_links(pages: Mapping[str, st.Page]) -> None:
    """The pages by name, for links to them from any page."""
    st.session_state[_LINKS] = pages


def link(name: str) -> None:
    """A link to a page; none where there is no navigation."""
    pages = st.session_state.get(_LINKS, {})
    if name in pages:
        st.page_link(pages[name], icon=":material/arrow_forward:")


def as_text(words: str) -> str:
    r"""Words for what Streamlit reads as Markdown: a name in them loads no picture, and is no link.

    >>> as_text("a stage '![x](u)'")
    "a stage \\'\\!\\[x\\]\\(u\\)\\'"
    """
    return _MARKS.sub(r"\\\g<0>", words)


def show(blocks: Iterable[Block]) -> None:
    """Put blocks on the page, if there are any."""
    if told := tuple(blocks):
        show_html(blocks_html(told))


def show_html(html: str) -> None:
    """Put what is HTML already, with every text in it escaped, on the page.

    Not by st.html, which takes SVG away. To Markdown a piece without a blank line is HTML to its
    end, so that nothing in a name is read as Markdown.
    """
    st.markdown(f'<div class="{FRAME}">{_BLANK.sub(chr(10), html)}</div>', unsafe_allow_html=True)
