"""Blocks on a page, in the theme that the visitor sees."""

from collections.abc import Iterable

import streamlit as st

from dealcast.surfaces import charts
from dealcast.surfaces.report.blocks import Block
from dealcast.surfaces.report.page import block_style, blocks_html

# Blocks stand below one class, so that their style leaves Streamlit's own elements alone.
FRAME = "dealcast"
_PAGE = """
.block-container, .stMainBlockContainer { max-width: 1160px; padding-top: 3.2rem; }
.dealcast { color: var(--ink); font-size: 16px; line-height: 1.55; overflow-wrap: break-word; }
.dealcast .nothing strong { color: var(--ink); }
.dealcast .cards { margin-top: 4px; }
.dealcast svg { background: none; }
@media (max-width: 640px) { .stMainBlockContainer { padding-inline: 1rem; } }
"""


def style() -> None:
    """The style of all blocks; once per page, before them."""
    theme = st.context.theme.type
    nested = f".{FRAME} {{ {block_style()} }}"
    st.html(f"<style>{charts.style(theme)}{nested}{_PAGE}</style>")


def show(blocks: Iterable[Block]) -> None:
    """Put blocks on the page."""
    show_html(blocks_html(tuple(blocks)))


def show_html(html: str) -> None:
    """Put what is HTML already on the page."""
    st.html(f'<div class="{FRAME}">{html}</div>')
