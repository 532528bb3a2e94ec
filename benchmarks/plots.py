"""The plots of docs/scale.md, drawn for a light and a dark page alike."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite import kept

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "#808080"
"""Text and lines: as far from white as from black."""
COLOURS = ("#2e8bc0", "#d9772b", "#3a9d5d", "#b65fcf", "#c94c4c", "#8a8f2a", "#6b7fd7", "#20a0a0")
STYLE = {
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "legend.frameon": False,
    "legend.labelcolor": GREY,
    "svg.fonttype": "none",
    "svg.hashsalt": "dealcast",
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
}


def plot_file(name: str) -> str:
    """The name of a plot's file."""
    return f"scale_{name}.svg"


def draw(folder: Path) -> list[Path]:
    """Draw what was measured; the files."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    files = []
    folder.mkdir(exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, (benchmark, plot) in PLOTS.items():
            found = kept(benchmark)
            if found is None:
                continue
            figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
            plot(axes, found["results"])
            files.append(folder / plot_file(name))
            figure.savefig(files[-1], transparent=True, metadata={"Date": None})
            plt.close(figure)
    return files


def steps(axes: "Axes", results: Iterable[dict[str, Any]]) -> None:
    """Seconds of each step over the size of the export, both logarithmic."""
    seconds = defaultdict(list)
    for result in results:
        if result.get("seconds"):
            seconds[result["step"]].append((result["opportunities"], result["seconds"]))
    for number, (step, points) in enumerate(seconds.items()):
        whole = step == "whole run"
        axes.plot(
            *zip(*points, strict=True),
            marker="o",
            label=step,
            color=GREY if whole else COLOURS[number % len(COLOURS)],
            linewidth=3 if whole else 1.5,
            linestyle="-" if number < len(COLOURS) else "--",
        )
    axes.set(xscale="log", yscale="log", xlabel="opportunities", ylabel="seconds")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def peers(axes: "Axes", results: Iterable[dict[str, Any]]) -> None:
    """Rows per second of each way that gave the right answer, where all rows were asked."""
    every = [result for result in results if result.get("asked")]
    most = {size: max(r["asked"] for r in every if r["opportunities"] == size)
            for size in {r["opportunities"] for r in every}}  # fmt: skip
    rates = defaultdict(list)
    for result in every:
        is_right = result.get("answer") == "equal" and result.get("rows_per_second")
        if is_right and result["asked"] == most[result["opportunities"]]:
            rates[result["way"]].append((result["asked"], result["rows_per_second"]))
    for number, (way, points) in enumerate(rates.items()):
        axes.plot(
            *zip(*sorted(points), strict=True),
            marker="o",
            # Two ways by hand are equally quick: both lines are to be seen.
            linestyle="-" if number % 2 == 0 else "--",
            label=way,
            color=COLOURS[number % len(COLOURS)],
        )
    axes.set(xscale="log", yscale="log", xlabel="rows asked", ylabel="rows per second")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def soak(axes: "Axes", results: Iterable[dict[str, Any]]) -> None:
    """Every measure that must be flat, after each run, over its median of the second half."""
    judged = (result for result in results if "flat" in result)
    for colour, result in zip(COLOURS, judged, strict=False):
        values = [value / result["median"] for value in result["series"]]
        axes.plot(range(1, len(values) + 1), values, label=result["measure"], color=colour)
    axes.set(ylim=(0, None), xlabel="run", ylabel="of the median of the second half")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


PLOTS = {"runs": ("runs", steps), "peers": ("beside_peers", peers), "soak": ("soak", soak)}
