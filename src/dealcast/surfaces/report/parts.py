"""PARTS: the report from top to bottom. One entry to add a part."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dealcast.surfaces.report.blocks import Block, Nothing
from dealcast.surfaces.report.bookings import bookings
from dealcast.surfaces.report.closing import closing
from dealcast.surfaces.report.dead import dead_pipeline
from dealcast.surfaces.report.drift import drift
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.report.leaks import leaks
from dealcast.surfaces.report.opportunities import opportunities
from dealcast.surfaces.report.origins import origins
from dealcast.surfaces.report.people import people
from dealcast.surfaces.report.quality import quality
from dealcast.surfaces.report.trust import trust


@dataclass(frozen=True)
class Part:
    """One part: its anchor, title, the step that makes what it shows (none: the run itself)."""

    name: str
    title: str
    step: str | None
    write: Callable[[Kept], Iterator[Block]]


@dataclass(frozen=True)
class Written:
    """A part of the report of one run. `note`: where an earlier run made what it shows."""

    name: str
    title: str
    note: str
    blocks: tuple[Block, ...]


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        p.name: p
        for p in (
            Part("bookings", "Bookings forecast", "forecast", bookings),
            Part("open", "Open opportunities", "score", opportunities),
            Part("dead", "Dead pipeline", "forecast", dead_pipeline),
            Part("quality", "Data quality", "validate", quality),
            Part("trust", "How far to trust the chances", "evaluate", trust),
            Part("closing", "When opportunities close", "score", closing),
            Part("people", "Do agents, products and accounts differ?", "evaluate", people),
            Part("leaks", "Leak gate", "audit", leaks),
            Part("drift", "What changed", "monitor", drift),
            Part("origins", "Where it comes from", None, origins),
        )
    }
)


def written(kept: Kept) -> Iterator[Written]:
    """Every part, in order."""
    return (write(part, kept) for part in PARTS.values())


def write(part: Part, kept: Kept) -> Written:
    """One part; where its step was never done, it says so, and what to do."""
    if part.step is not None and part.step not in kept.records:
        return Written(part.name, part.title, "", (not_done(part.step, kept),))
    return Written(part.name, part.title, _note(part.step, kept), tuple(part.write(kept)))


def not_done(step: str, kept: Kept) -> Nothing:
    """That a step was never done, and what to do about it."""
    root = kept.store.root
    return Nothing(
        f"The step '{step}' has not been done on this store.",
        f"`dealcast run --from {step} --root {root}`, or `dealcast run --root {root}` for all",
    )


def _note(step: str | None, kept: Kept) -> str:
    if step is None or not kept.is_earlier(step):
        return ""
    return f"This run did not take the step '{step}': from run {kept.records[step].run_id}."
