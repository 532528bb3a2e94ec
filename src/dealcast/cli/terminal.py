"""Text on a terminal as it is: names of an export style nothing, and a terminal obeys none."""

from typing import Any

from rich.console import Console
from rich.text import Text

# Control characters, written as Python writes them; a tab and a line break may stay.
OBEYED = {c: f"\\x{c:02x}" for c in (*range(32), *range(127, 160)) if chr(c) not in "\t\n"}


class Terminal(Console):
    """Rich's console without its markup, in which a customer `Acme [uk]` would lose the country."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """The text, as every title, cell and line that is printed comes here."""
        return super().render_str(plain(text), **options)


def styled(text: str, style: str) -> Text:
    """Text in a style, such as bold."""
    return Text(plain(text), style)


def plain(text: str) -> str:
    r"""The text with what a terminal would obey written out.

    >>> print(plain("Acme\x1b[2J [uk]"))
    Acme\x1b[2J [uk]
    """
    return text.translate(OBEYED)
