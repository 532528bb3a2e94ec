"""STYLE: the colours of all charts, in light, dark and print; style: in a theme that was chosen.

Blue and orange of Okabe and Ito (2008), which people with any colour vision tell apart; what they
mean is also said by hatching, the form of a mark, or a label.
"""

_LIGHT = """
  --ink: #1b2430; --muted: #5b6673; --grid: #e3e7ec; --paper: #ffffff;
  --main: #0b6aa2; --other: #b45309; --quiet: #aab4bf;
"""
_DARK = """
  --ink: #e8edf2; --muted: #a3afbb; --grid: #2d3742; --paper: #161c23;
  --main: #62b5e5; --other: #f0a84a; --quiet: #5d6975;
"""

_CHARTS = """
.chart { display: block; width: 100%; height: auto; font-family: inherit; }
.chart text { fill: var(--ink); font-size: 12px; }
.chart .muted { fill: var(--muted); font-size: 11px; }
.chart .strong { font-weight: 650; }
.chart .grid { stroke: var(--grid); stroke-width: 1; }
.chart .axis { stroke: var(--muted); stroke-width: 1; }
.chart .dashed { stroke-dasharray: 5 4; }
.chart .main { fill: var(--main); stroke: none; }
.chart .quiet { fill: var(--quiet); stroke: none; }
.chart .other { fill: var(--other); stroke: none; }
.chart .hollow { fill: var(--paper); stroke: var(--main); stroke-width: 1.8; }
.chart .hollow-other { fill: var(--paper); stroke: var(--other); stroke-width: 1.8; }
.chart .line { fill: none; stroke: var(--main); stroke-width: 2; }
.chart .whisker { stroke: var(--ink); stroke-width: 1.4; }
.chart .hatch { stroke: var(--paper); stroke-width: 2.4; }
"""

_BY_SYSTEM = (
    f":root {{{_LIGHT}}} @media screen and (prefers-color-scheme: dark) {{ :root {{{_DARK}}} }}"
)


def style(theme: str | None = None) -> str:
    """The style in the theme `light` or `dark`; without one, in that of the reader's system."""
    colours = {"light": f":root {{{_LIGHT}}}", "dark": f":root {{{_DARK}}}"}
    return colours.get(theme or "", _BY_SYSTEM) + _CHARTS


STYLE = style()
