"""How good the model is, and whether groups differ, as tables."""

from typing import Any

from dealcast.surfaces.sentences import SKILLS
from dealcast.surfaces.tables.shape import Cell, Row, Table, number
from dealcast.surfaces.words import count, figure, share


def beside_baselines(horizon: Row, estimator: str) -> Table:
    """The figures of the chosen estimator with intervals, below those of the plainer ones."""
    rows: list[tuple[Any, ...]] = [
        (name, *(number(f[k], figure) for k in SKILLS)) for name, f in horizon["baselines"].items()
    ]
    rows.append((f"{estimator} (chosen)", *(number(horizon[k], figure) for k in SKILLS)))
    ends = horizon["intervals"]
    rows.append(
        (
            "its 95 % interval",
            *(_between(*ends[k]) if k in ends else "-" for k in SKILLS),
        )
    )
    title = (
        f"Won within {horizon['horizon_days']} days: {count(horizon['n'])} later snapshots of "
        f"{count(horizon['opportunities'])} opportunities, {share(horizon['rate'])} won, "
        f"{len(horizon['origins'])} origins"
    )
    return Table(title, ("estimator", *(f">{words}" for words in SKILLS.values())), rows)


def groups(rates: Row, limit: int) -> Table:
    """The rates of so many groups; a rank only where they differ beyond chance."""
    of, happened = list(rates["table"][0])[1:3]
    rows = [
        (
            str(r[rates["by"]]),
            number(r[of], count),
            number(r[happened], count),
            number(r["rate"], share),
            f"{share(r['low'])} to {share(r['high'])}",
            Cell(share(r["shrunk"]), by=r["shrunk"], share=r["shrunk"]),
            number(r["rank"], lambda n: "-" if n is None else f"{n:.0f}"),
        )
        for r in rates["table"][:limit]
    ]
    left = len(rates["table"]) - len(rows)
    columns = (
        rates["by"],
        f">{of}",
        f">{happened}",
        ">rate",
        ">95 % interval",
        ">drawn to mean",
        ">rank",
    )
    title = f"{named(rates)}: {compared(rates)}" + ("" if rates["ranked"] else ", no ranking")
    rest = f"{count(left)} more: `dealcast people --by {rates['by']}`" if left else ""
    return Table(title, tuple(c.replace("_", " ") for c in columns), rows, rest=rest)


def compared(rates: Row) -> str:
    """What is compared: the share won, or where the open ones are counted, never closed."""
    return "share never closed" if rates["table"] and "open" in rates["table"][0] else "win rate"


def named(rates: Row) -> str:
    """Whom the groups are, in words."""
    return str(rates["by"]).replace("_", " ")


def _between(low: float, high: float) -> str:
    """An interval of a figure of merit, short: six stand side by side in a terminal."""
    return f"{low:.3f}\N{EN DASH}{high:.3f}"
