"""Reads back what a chart draws."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest

Marks = Callable[[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def marks() -> Marks:
    """The attributes of all marks of a kind, in the order drawn; numbers are numbers."""

    def of(svg: str, kind: str) -> list[dict[str, Any]]:
        drawn = [e.attrib for e in ET.fromstring(svg).iter() if e.get("data-mark") == kind]
        return [{name: _number(value) for name, value in a.items()} for a in drawn]

    return of


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
