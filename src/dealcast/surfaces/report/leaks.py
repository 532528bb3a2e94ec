"""The leak gate: which fields know the outcome, and are kept from the model."""

from collections.abc import Iterator

from dealcast.features.audit.checks import TESTS
from dealcast.surfaces.report.blocks import Block, Lead, More
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.sentences import leak_count, leaking
from dealcast.surfaces.tables.shape import Table


def leaks(kept: Kept) -> Iterator[Block]:
    """The part, of what the step `audit` kept."""
    content = kept.object("audit", "leak_audit")
    found = [r for r in content["records"] if r["outcome"] in ("failed", "overridden")]
    yield Lead(
        "A field that is filled in when an opportunity closes gives its outcome away, and a model "
        "that reads it looks better than it is. " + f"{leak_count(content).rstrip('.')}."
    )
    if found:
        names = ("field", "caught by", "so it is", "what the first test found", "remedy")
        remedies = {r["feature"]: r["remedy"] for r in reversed(found)}
        rows = [(*line, remedies[line[0]]) for line in leaking(found)]
        yield Table("Fields that know the outcome", names, rows, is_stacked=True)
    banned = [
        (r["feature"], r["note"] or "-") for r in content["records"] if r["outcome"] == "banned"
    ]
    if banned:
        yield More("Never used, by declaration", (Table("", ("feature", "why"), banned),))
    about = [(t.code, t.title, t.finds, t.blind_to) for t in TESTS]
    columns = ("test", "what it measures", "what it finds", "what it is blind to")
    yield More("The tests", (Table("", columns, about, is_stacked=True),))
