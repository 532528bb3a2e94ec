"""The few elements of SVG that charts are made of. All text and every value is escaped."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from textwrap import wrap

from markupsafe import Markup, escape

# Widths that charts are drawn for: of a column of text, of half of it, of a telephone.
WIDE, HALF, NARROW = 720, 500, 340
# Mean width of a character of a label (pixels); enough to keep labels inside the drawing.
CHARACTER = 6.4
HATCH_STEP = 6

Value = str | float | None


def element(tag: str, *children: Markup | str, **attributes: Value) -> Markup:
    """An element; `class_` stands for class, `data_x` for data-x; what is None is left out.

    >>> element("text", "a < b", x=1.50, class_="muted")
    Markup('<text x="1.5" class="muted">a &lt; b</text>')
    """
    told = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(map(escape, children))
    return Markup(f"<{tag}{told}>{inside}</{tag}>")  # noqa: S704 - each piece is escaped above


def text(words: str, x: float, y: float, *, class_: str = "", anchor: str = "start") -> Markup:
    """Words at a place; `anchor` is the end of them that stands there."""
    return element("text", words, x=x, y=y, class_=class_ or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def cut(words: str, width: float) -> str:
    """The words, cut where they are wider than so many pixels.

    >>> cut("a rather long name", 60)
    'a rather…'
    """
    longest = max(int(width / CHARACTER), 2)
    return words if len(words) <= longest else words[: longest - 1].rstrip() + "…"


def wrapped(words: str, width: float) -> list[str]:
    """The words in lines of so many pixels at most; a word that is wider has a line of its own.

    >>> wrapped("this time of the quarter is good", 100)
    ['this time of', 'the quarter is', 'good']
    """
    return wrap(words, max(int(width / CHARACTER), 2), break_long_words=False) or [words]


@dataclass
class Drawing:
    """A chart that grows element by element. `name` tells it from others on the same page."""

    name: str
    title: str
    about: str
    width: int
    height: float
    marks: list[Markup] = field(default_factory=list)

    def add(self, *marks: Markup) -> None:
        """Draw over what is there."""
        self.marks += marks

    def bar(self, x: float, y: float, width: float, height: float, **kind: Value) -> None:
        """A bar; `told` is shown when it is pointed at, `hatched` draws stripes over it."""
        told, hatched = kind.pop("told", None), kind.pop("hatched", None)
        shape = {"x": x, "y": y, "width": max(width, 0.0), "height": max(height, 0.0)}
        self.add(element("rect", *_titles(told), **shape, **kind))
        if hatched:
            self.add(self._stripes(x, y, width, height))

    def dot(self, x: float, y: float, form: str = "circle", **kind: Value) -> None:
        """A mark: a circle, square or diamond."""
        told = _titles(kind.pop("told", None))
        if form == "circle":
            self.add(element("circle", *told, cx=x, cy=y, r=4.5, **kind))
            return
        half = 4.2
        turned = f"rotate(45 {x:.2f} {y:.2f})" if form == "diamond" else None
        shape = {"x": x - half, "y": y - half, "width": 2 * half, "height": 2 * half}
        self.add(element("rect", *told, **shape, transform=turned, **kind))

    def upright_whisker(self, x: float, low: float, high: float) -> None:
        """An interval, up and down."""
        self.add(line(x, low, x, high, "whisker"))
        self.add(*(line(x - 4, y, x + 4, y, "whisker") for y in (low, high)))

    def level_whisker(self, y: float, low: float, high: float) -> None:
        """An interval, left to right."""
        self.add(line(low, y, high, y, "whisker"))
        self.add(*(line(x, y - 4, x, y + 4, "whisker") for x in (low, high)))

    def legend(self, entries: Iterable[tuple[str, str, str]], y: float, x: float = 0.0) -> float:
        """(form, class, words) of what marks mean, in as many rows as needed; the y below them."""
        at = x
        for form, class_, words in entries:
            width = 22 + CHARACTER * len(words)
            if at > x and at + width > self.width:
                at, y = x, y + 18
            self._key(form, class_, at, y)
            self.add(text(words, at + 18, y + 4))
            at += width + 12
        return y + 18

    def svg(self) -> Markup:
        """The chart, with its title and what it says for those who do not see it."""
        told = (element("title", self.title), element("desc", self.about))
        box = f"0 0 {self.width} {self.height:.0f}"
        return element(
            "svg", *told, *self.marks,
            viewBox=box, width=self.width, height=round(self.height),
            class_="chart", role="img", aria_label=f"{self.title}. {self.about}",
            data_chart=self.name,
        )  # fmt: skip

    def _key(self, form: str, class_: str, x: float, y: float) -> None:
        if form == "bar":
            self.bar(x, y - 5, 13, 10, class_=class_)
        elif form == "hatched":
            self.bar(x, y - 5, 13, 10, class_=class_, hatched="yes")
        elif form == "whisker":
            self.upright_whisker(x + 6, y - 6, y + 6)
        elif form == "line":
            self.add(line(x, y, x + 13, y, class_))
        else:
            self.dot(x + 6, y, form, class_=class_)

    def _stripes(self, x: float, y: float, width: float, height: float) -> Markup:
        """Slanting lines inside a bar. Drawn, as a pattern's name would not be alone on a page."""
        lines, start = [], x - height + HATCH_STEP
        while start < x + width:
            left, right = max(start, x), min(start + height, x + width)
            if right > left:
                lines.append(f"M{left:.1f} {y + height - (left - start):.1f}")
                lines.append(f"L{right:.1f} {y + height - (right - start):.1f}")
            start += HATCH_STEP
        return element("path", d=" ".join(lines), class_="hatch", aria_hidden="true")


def _titles(told: Value) -> tuple[Markup, ...]:
    return (element("title", str(told)),) if told else ()


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return escape(value)
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
