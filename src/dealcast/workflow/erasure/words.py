"""Sought: how an id is found in text, and what stands in its place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

ERASED = "[erased]"
# A shorter number is found only where ids stand: elsewhere it may count anything.
TELLING_DIGITS = 6
# What the examples of checks and of cleaning rules call an opportunity by.
EXAMPLE_KEY, EXAMPLE_ROW = "key", " (row "


@dataclass(frozen=True)
class Sought:
    """The opportunities to be erased, by id."""

    ids: tuple[str, ...]

    @cached_property
    def telling(self) -> tuple[str, ...]:
        """The ids that are found within a text too."""
        return tuple(i for i in self.ids if not i.isdigit() or len(i) >= TELLING_DIGITS)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        written = {form for one in self.telling for form in (one, escape(one))}
        if not written:
            return None
        names = "|".join(re.escape(form) for form in sorted(written, key=len, reverse=True))
        return re.compile(rf"(?<![0-9A-Za-z])(?:{names})(?![0-9A-Za-z])")

    def is_cell(self, text: str) -> bool:
        """Whether a cell holds one of the ids and nothing else."""
        return " ".join(text.split()) in self.ids

    def is_in(self, text: str) -> bool:
        """Whether a text names one of them."""
        return bool(self._pattern and self._pattern.search(text))

    def without(self, text: str) -> str:
        """The text with a mark in the place of each."""
        return self._pattern.sub(ERASED, text) if self._pattern else text

    def json_without(self, content: Any) -> Any:
        """The content without them: an example that names one goes whole, a text is marked.

        >>> Sought(("A1",)).json_without({"examples": [{"key": "A1", "value": "x"}, "B2: y"]})
        {'examples': ['B2: y']}
        """
        if isinstance(content, str):
            return self.without(content)
        if isinstance(content, Mapping):
            return {k: self.json_without(v) for k, v in content.items() if not self.is_in(k)}
        if isinstance(content, list):
            return [self.json_without(item) for item in content if not self._is_about(item)]
        return content

    def _is_about(self, item: Any) -> bool:
        """Whether an item of a list is an example that names one of them."""
        if isinstance(item, Mapping):
            texts = [text for text in item.values() if isinstance(text, str)]
            return item.get(EXAMPLE_KEY) in self.ids or any(self.is_in(text) for text in texts)
        if not isinstance(item, str):
            return False
        return item.split(EXAMPLE_ROW)[0] in self.ids or self.is_in(item)
