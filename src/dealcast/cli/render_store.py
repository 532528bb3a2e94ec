"""What became of a store: copied, its versions, what was deleted and what stays."""

from collections.abc import Sequence

from dealcast.cli.render import console, table
from dealcast.cli.terminal import Terminal, styled
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
    told = f"{would} {freed}, {megabytes(content['bytes'])} of {content['root']}"
    out.print(styled(told, "bold"))
    if lines:
        out.print(table("What goes", ("what", ">files", ">size"), lines))
    if content["runs"]:
        runs = counted(len(content["runs"]), "run", "runs")
        out.print(f"{runs} lose reports and versions, and say so: {', '.join(content['runs'])}")
    out.print()
    stays = [(s["what"], count(s["count"]), s["why"]) for s in content["stays"]]
    out.print(table("What stays", ("what", ">count", "why"), stays))


def traces(found: Row, *, err: bool = False) -> None:
    """Where opportunities are named."""
    out = Terminal(stderr=True) if err else console()
    lines = [
        *((f"table {name}", count(rows), "rows") for name, rows in found["tables"].items()),
        *((f"raw/{name}", count(rows), "rows") for name, rows in found["raw"].items()),
        *((key, "", "changed") for key in found["objects"]),
        *((key, "", "deleted") for key in found["reports"]),
    ]
    if lines:
        out.print(table("What names them", ("where", ">how many", "what"), lines))
    else:
        out.print("Nothing in the store names them.")


def erased(content: Row) -> None:
    """What was erased, or would be."""
    traces(content)
    out = console()
    if content["dry_run"]:
        out.print("Nothing was changed.")
        return
    named = counted(content["opportunities"], "opportunity", "opportunities")
    out.print(f"{named} erased ({content['erasure']}); every byte of the store was searched since.")
    if content["in_mlflow"]:
        runs = ", ".join(content["in_mlflow"])
        told = (
            f"Not in the store: these runs were sent to MLflow too, with their reports: {runs}. "
            "Delete them there (`mlflow runs delete`, then `mlflow gc`)."
        )
        out.print(styled(told, "yellow"))


def erasures(found: Sequence[Row], *, root: str) -> None:
    """What was ever erased, newest first."""
    lines = [
        (
            e["erasure"],
            e["at"][:19],
            e["by"],
            count(len(e["hashes"])),
            count(sum(e["tables"].values())),
            "done" if e["is_done"] else "broken off: repeat the command",
        )
        for e in found
    ]
    columns = ("erasure", "at (UTC)", "by", ">opportunities", ">rows of tables", "state")
    console().print(
        table(f"{counted(len(lines), 'erasure', 'erasures')} in {root}", columns, lines)
    )


def megabytes(size: int) -> str:
    """Bytes as megabytes."""
    return f"{size / MEGABYTE:,.1f} MB"
