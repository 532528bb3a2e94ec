"""Sought: how an id is found in text, and what stands in its place."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

ID = "opportunity_id"
ERASED = "[erased]"
# What the examples of checks and of cleaning rules call an opportunity by.
EXAMPLE_KEY, EXAMPLE_ROW = "key", " (row "
# Within these an id is a part of its own; elsewhere `A-1/2` is another id than `A-1`.
ADDRESS = re.compile(r"\w+://\S+")


@dataclass(frozen=True)
class Sought:
    """The opportunities to be erased, by id."""

    ids: tuple[str, ...]

    @cached_property
    def telling(self) -> tuple[str, ...]:
        """The ids that are found within a text too: a number or a date may mean anything there."""
        return tuple(one for one in self.ids if any(map(str.isalpha, one)))

    @cached_property
    def _forms(self) -> list[str]:
        """As texts and pages write the telling ones, the longest first."""
        forms = {form for one in self.telling for form in (one, escape(one))}
        return sorted(forms, key=len, reverse=True)

    @cached_property
    def _words(self) -> re.Pattern[str]:
        names = "|".join(map(re.escape, self._forms))
        return re.compile(rf"(?<!\w)(?<!\w[-./:])(?:{names})(?!\w|[-./:]\w)")

    @cached_property
    def _in_addresses(self) -> re.Pattern[str]:
        names = "|".join(map(re.escape, self._forms))
        return re.compile(rf"(?<![\w-])(?:{names})(?![\w-])")

    def may_be_in(self, text: str) -> bool:
        """Whether a text holds one of the telling ids, within a longer word too."""
        return any(form in text for form in self._forms)

    def is_cell(self, text: str) -> bool:
        """Whether a cell holds one of the ids and nothing else."""
        return " ".join(text.split()) in self.ids

    def is_in(self, text: str) -> bool:
        """Whether a text names one of the telling ids."""
        return self.without(text) != text

    def without(self, text: str) -> str:
        """The text with a mark in the place of each telling id.

        >>> Sought(("A-1",)).without("A-1, not A-1-B: see https://crm.example/deals/A-1")
        '[erased], not A-1-B: see https://crm.example/deals/[erased]'
        """
        if not self.may_be_in(text):
            return text
        text = ADDRESS.sub(lambda address: self._in_addresses.sub(ERASED, address[0]), text)
        return self._words.sub(ERASED, text)

    def json_without(self, content: Any) -> Any:
        """The content without them: an example that names one goes whole, a text is marked.

        >>> Sought(("A1",)).json_without({"examples": [{"key": "A1", "value": "x"}, "B2: y"]})
        {'examples': ['B2: y']}
        """
        if isinstance(content, str):
            return self.without(content)
        if isinstance(content, Mapping):
            return {
                name: ERASED if self._is_key(name, value) else self.json_without(value)
                for name, value in content.items()
                if not self.is_in(name)
            }
        if isinstance(content, list):
            return [self.json_without(item) for item in content if not self._is_about(item)]
        return content

    def is_keyed(self, content: Any) -> bool:
        """Whether one of them stands where the content has ids, in JSON within its texts too.

        A number as a key may be an account's.

        >>> Sought(("12",)).is_keyed({"stats": '{"rows": 12, "max": {"opportunity_id": "12"}}'})
        True
        """
        if isinstance(content, str):
            return content.startswith("{") and self.is_keyed(parsed(content))
        if isinstance(content, Mapping):
            is_theirs = content.get(EXAMPLE_KEY) in self.telling or self._is_key(
                ID, content.get(ID)
            )
            return is_theirs or any(map(self.is_keyed, content.values()))
        return isinstance(content, list) and any(map(self.is_keyed, content))

    def _is_key(self, name: str, value: Any) -> bool:
        return name in (ID, EXAMPLE_KEY) and isinstance(value, str) and self.is_cell(value)

    def _is_about(self, item: Any) -> bool:
        """Whether an item of a list is an example that names one of them."""
        if isinstance(item, Mapping):
            texts = [text for text in item.values() if isinstance(text, str)]
            return any(self._is_key(*pair) for pair in item.items()) or any(map(self.is_in, texts))
        if not isinstance(item, str):
            return False
        return self.is_cell(item.split(EXAMPLE_ROW)[0]) or self.is_in(item)


def parsed(text: str) -> Any:
    """What a text says as JSON; None where it is none, such as one that was cut."""
    try:
        return json.loads(text)
    except ValueError:
        return None
