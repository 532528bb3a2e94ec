"""Write what was measured into docs/scale.md: `python benchmarks/scale.py`.

Each figure stands between `<!-- bench:NAME -->` and `<!-- /bench -->`; what was not measured says
how it is. Plots are drawn beside the page.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import HERE
from plots import draw, plot_file
from suite import kept, script_of

PAGE = HERE.parent / "docs" / "scale.md"
IMAGES = PAGE.parent / "images"
BETWEEN = r"(<!-- bench:{name} -->\n)(.*?)(<!-- /bench -->)"

Result = dict[str, Any]
Cell = Callable[[Result], str]


@dataclass(frozen=True)
class Figure:
    """A table of the page: its benchmark, how its lines are made, and what a plot shows."""

    name: str
    benchmark: str
    lines: Callable[[list[Result]], list[Sequence[str]]]
    plot: str | None = None


def shown(key: str, form: str = "") -> Cell:
    """A cell with the value at a key; `-` for none."""

    def cell(result: Result) -> str:
        value = result.get(key)
        return "-" if value is None else format(value, form)

    return cell


def columns(**cells: Cell) -> Callable[[list[Result]], list[Sequence[str]]]:
    """A line per result; underscores of the headings are spaces."""
    headings = [name.replace("_", " ") for name in cells]

    def lines(results: list[Result]) -> list[Sequence[str]]:
        return [headings, *([cell(result) for cell in cells.values()] for result in results)]

    return lines


def in_seconds(result: Result) -> str:
    """Seconds of a result, or the limit at which it was stopped."""
    seconds = result.get("seconds")
    return str(result.get("answer", "-")) if seconds is None else f"{seconds:,.2f}"


def steps(results: list[Result]) -> list[Sequence[str]]:
    """A line per step of a run, a column per size with the growth from the size before."""
    sizes = sorted({r["opportunities"] for r in results})
    found = {(r["step"], r["opportunities"]): r for r in results}
    whole = [r for r in results if r["step"] == "whole run"]
    peaks = ["-" if r.get("gigabytes") is None else f"{r['gigabytes']:.1f} GB" for r in whole]

    def cell(step: str, size: int) -> str:
        result = found.get((step, size), {})
        grown = result.get("exponent")
        return in_seconds(result) + ("" if grown is None else f" (^{grown:.2f})")

    names = dict.fromkeys(r["step"] for r in results)
    lines = [[name, *(cell(name, size) for size in sizes)] for name in names]
    return [["step", *(f"{size:,}" for size in sizes)], *lines, ["peak memory", *peaks]]


FIGURES = (
    Figure(
        "peers",
        "beside_peers",
        columns(
            opportunities=shown("opportunities", ","),
            rows_asked=shown("asked", ","),
            way=shown("way"),
            seconds=in_seconds,
            times_Dealcast=shown("times", ",.1f"),
            rows_per_second=shown("rows_per_second", ",.0f"),
            GB=shown("gigabytes", ".2f"),
            answer=shown("answer"),
        ),
        plot="Rows per second of each way that gives the same answer to all rows",
    ),
    Figure(
        "point_in_time",
        "point_in_time",
        columns(
            opportunities=shown("opportunities", ","),
            snapshots=shown("rows", ","),
            features=shown("features"),
            into=shown("into"),
            way=shown("way"),
            seconds=in_seconds,
            times_SQL=shown("times", ".2f"),
            GB=shown("gigabytes", ".2f"),
        ),
    ),
    Figure(
        "descriptive",
        "descriptive",
        columns(
            opportunities=shown("opportunities", ","),
            into=shown("into"),
            way=shown("way"),
            seconds=in_seconds,
            times_as_fast_as_pandas=shown("times", ".1f"),
            GB=shown("gigabytes", ".2f"),
        ),
    ),
    Figure(
        "incremental",
        "incremental",
        columns(
            opportunities=shown("opportunities", ","),
            days_later=shown("days"),
            opportunities_changed=shown("changed", ","),
            dates_made_anew=shown("dates_renewed"),
            of_dates=shown("dates"),
            CPU_seconds=shown("cpu_seconds", ",.1f"),
            from_scratch=shown("rebuild_cpu_seconds", ",.1f"),
            times_less=shown("times", ".1f"),
        ),
    ),
    Figure("spark_job", "spark_job", steps),
    Figure("runs", "runs", steps, plot="Seconds of each step over the size of the export"),
    Figure(
        "scoring",
        "scoring",
        columns(
            open_opportunities=shown("rows", ","),
            model=shown("model"),
            chances_per_second=shown("chances_per_second", ",.0f"),
            with_reasons=shown("reasons_per_second", ",.0f"),
            the_step=shown("scores_per_second", ",.0f"),
            load_the_model_ms=shown("load_milliseconds", ".1f"),
            GB=shown("gigabytes", ".2f"),
        ),
    ),
    Figure(
        "serving",
        "serving",
        columns(
            server=shown("server"),
            p50_ms=shown("p50_milliseconds", ".1f"),
            p99_ms=shown("p99_milliseconds", ".1f"),
            times_p50=shown("times_p50", ".1f"),
            times_p99=shown("times_p99", ".1f"),
            per_second_over_16_connections=shown("per_second", ",.0f"),
            GB=shown("gigabytes", ".2f"),
        ),
    ),
    Figure(
        "soak",
        "soak",
        columns(
            measure=shown("measure"),
            after_the_first=shown("first", ",.1f"),
            median_of_the_second_half=shown("median", ",.1f"),
            after_the_last=shown("last", ",.1f"),
            growth=shown("growth", ".1%"),
            flat=shown("flat"),
        ),
        plot="Every measure after each run, over its median of the second half",
    ),
    Figure(
        "sample",
        "sample",
        columns(
            opportunities=shown("rows", ","),
            format=shown("format"),
            seconds=in_seconds,
            GB=shown("gigabytes", ".2f"),
            MB_on_disk=shown("disk_megabytes", ",.1f"),
        ),
    ),
    Figure(
        "sql",
        "sql",
        columns(
            opportunities=shown("opportunities", ","),
            way=shown("way"),
            seconds=in_seconds,
            GB=shown("gigabytes", ".2f"),
        ),
    ),
    Figure(
        "startup", "startup", columns(command=shown("command"), ms=shown("milliseconds", ".0f"))
    ),
)


def table(lines: list[Sequence[str]]) -> str:
    """A markdown table, the first line its headings."""
    rows = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def how_to_measure(figure: Figure) -> str:
    """A line for what was not measured yet."""
    return f"*Not measured yet:* `python {script_of(figure.benchmark)}`.\n"


def told(figure: Figure) -> str:
    """The table and how it was measured; empty where it was not measured here."""
    found = kept(figure.benchmark)
    if found is None:
        return ""
    of = found["machine"]
    versions = ", ".join(f"{name} {of[name]}" for name in ("polars", "duckdb", "numpy"))
    plot = f"\n\n![{figure.plot}](images/{plot_file(figure.name)})" if figure.plot else ""
    return (
        f"{table(figure.lines(found['results']))}\n\n"
        f"`{found['command']}`, {found['measured']}, commit {of['commit']}: {of['cores']} cores, "
        f"{of['memory']}, Python {of['python']}, {versions}."
        f"{plot}\n"
    )


def written(page: str) -> str:
    """The page with every figure as measured last. Raises ValueError where it has no place.

    What was not measured here stays as it is: results are kept where they were measured.
    """
    for figure in FIGURES:
        pattern = re.compile(BETWEEN.format(name=figure.name), re.DOTALL)
        page, places = pattern.subn(
            lambda m, f=figure: f"{m[1]}{told(f) or m[2] or how_to_measure(f)}{m[3]}", page
        )
        if places != 1:
            raise ValueError(
                f"{PAGE.name} has {places} places for the figure '{figure.name}', not 1"
            )
    return page


def main(page: Path = PAGE) -> None:
    page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {page.name}", *(file.name for file in draw(IMAGES)))


if __name__ == "__main__":
    main()
