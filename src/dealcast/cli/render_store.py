"""What became of a store: copied, its versions, what was deleted and what stays."""

from collections.abc import Sequence

from dealcast.cli.render import console, table
from dealcast.surfaces.tables.shape import Row
from dealcast.surfaces.words import count, counted

MEGABYTE = 1024 * 1024


def copied(done: Row) -> None:
    """What a copy took along."""
    out = console()
    columns = ("table", ">version", ">versions", ">rows")
    lines = [(t["name"], t["version"], t["versions"], count(t["rows"])) for t in done["tables"]]
    out.print(table(f"{len(lines)} tables in {done['target']}", columns, lines))
    out.print(
        f"{done['copied']:,} objects copied, {done['present']:,} were there; "
        f"{megabytes(done['size'])} read back and equal to {done['source']}"
    )
    if done["left"]:
        out.print(f"Left, as not the store's: {', '.join(done['left'])}")


def history(found: Sequence[Row], *, root: str) -> None:
    """The versions of tables, newest first."""
    lines = [
        (
            v["table"],
            v["version"],
            f"{v['written_at']:%Y-%m-%d %H:%M:%S}",
            v["run_id"] or "-",
            count(v["rows"]),
            count(v["bytes"]),
            v["how"] if v["is_whole"] else "removed: can be read no more",
        )
        for v in found
    ]
    columns = ("table", ">version", "written (UTC)", "by run", ">rows", ">bytes", "how")
    console().print(
        table(f"{counted(len(lines), 'version', 'versions')} in {root}", columns, lines)
    )


def vacuum(content: Row) -> None:
    """What was deleted, or would be, and what stays and why."""
    out = console()
    would = "Would free" if content["dry_run"] else "Freed"
    freed = counted(content["files"], "file", "files")
    lines = [(f["what"], count(f["files"]), megabytes(f["bytes"])) for f in content["frees"]]
    out.print(f"[bold]{would} {freed}, {megabytes(content['bytes'])} of {content['root']}[/]")
    if lines:
        out.print(table("What goes", ("what", ">files", ">size"), lines))
    if content["runs"]:
        runs = counted(len(content["runs"]), "run", "runs")
        out.print(f"{runs} lose reports and versions, and say so: {', '.join(content['runs'])}")
    out.print()
    stays = [(s["what"], count(s["count"]), s["why"]) for s in content["stays"]]
    out.print(table("What stays", ("what", ">count", "why"), stays))


def megabytes(size: int) -> str:
    """Bytes as megabytes."""
    return f"{size / MEGABYTE:,.1f} MB"
