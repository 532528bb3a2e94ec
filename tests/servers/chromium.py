"""The system's Chromium, with Playwright: how it is started, and what is asked of its pages."""

import importlib.util
import shutil
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
# Chromium calls home by itself; none of that may be taken for a request of the page.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
NEEDED = (
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="Playwright is not installed"
    ),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
)
SIZES = {"page": (1280, 900), "telephone": (390, 844)}
# What a page is told that asks whether it is on a telephone.
TELEPHONE = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Mobile Safari/537.36"
)


def device(size: str) -> dict[str, Any]:
    """The options of a context that is a page or a telephone."""
    width, height = SIZES[size]
    options: dict[str, Any] = {"viewport": {"width": width, "height": height}}
    if size == "telephone":
        options |= {"user_agent": TELEPHONE, "has_touch": True}
    return options


def least_contrast(paper: str, texts: str) -> str:
    """A script: the least contrast (WCAG 2, 1 to 21) of texts that are seen on what is behind.

    Both are selectors of CSS.
    """
    return f"""() => {{
      const light = (colour) => {{
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
          .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
      }};
      const paper = light(getComputedStyle(document.querySelector("{paper}")).backgroundColor);
      const texts = [...document.querySelectorAll("{texts}")];
      return Math.min(...texts.filter((e) => e.getClientRects().length).map((e) => {{
        const style = getComputedStyle(e);
        const ink = light(e instanceof SVGElement ? style.fill : style.color);
        return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      }}));
    }}"""
