"""What was found in an export, and what cleaning did, as tables."""

from collections.abc import Iterable

from dealcast.surfaces.tables.shape import Cell, Row, Table, number
from dealcast.surfaces.words import count, share

FINDING = ("check", "severity", "what was found", ">rows", ">share", ">takes off")


def failed_checks(report: Row) -> list[Row]:
    """The checks of a quality report that found something, the costliest first."""
    failed = (r for r in report["results"] if r["outcome"] == "failed")
    return sorted(failed, key=lambda r: (-r["deduction"], r["code"]))


def finding(record: Row) -> tuple[Cell | str, ...]:
    """What a check found, in the columns FINDING."""
    return (
        record["code"],
        record["severity"],
        record["title"] + (f": {record['note']}" if record["note"] else ""),
        number(record["rows"], count),
        number(record["share"], share),
        number(record["deduction"], lambda d: f"-{d:.4f}" if d else "-"),
    )


def repairs(log: Row) -> Table:
    """What each cleaning rule repaired or set aside; no rows where none had anything to do."""
    rows = [
        (
            r["code"],
            r["table"],
            "repaired" if r["action"] == "repair" else r["action"],
            r["title"],
            number(r["rows"], count),
            str(next(iter(r["examples"]), "")),
        )
        for r in _at_work(log)
    ]
    columns = ("rule", "table", "so it was", "what was done", ">rows", "for example")
    return Table("What cleaning did", columns, rows, is_stacked=True)


def _at_work(log: Row) -> Iterable[Row]:
    return (r for r in log["rules"] if r["rows"])
