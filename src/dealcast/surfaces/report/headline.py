"""What a manager reads first: five figures, and what to know about them."""

from collections.abc import Iterator
from dataclasses import dataclass

from dealcast.surfaces.report.bookings import next_quarter, seasonal_naive
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.words import count, counted, day, share, short


@dataclass(frozen=True)
class Card:
    """One figure: what it is, how much, and what else to know; `part`: where there is more."""

    label: str
    value: str
    detail: str
    part: str
    unit: str = ""


@dataclass(frozen=True)
class Remark:
    """A sentence, and the part of the report that it is about."""

    text: str
    part: str


NOT_DONE = "-"


def cards(kept: Kept) -> tuple[Card, ...]:
    """The figures; a dash and the reason for what the run cannot tell."""
    return (_bookings(kept), *_open(kept), _quality(kept), _trust(kept))


def remarks(kept: Kept) -> tuple[Remark, ...]:
    """What changes how the figures are to be read, the worst first."""
    return tuple(_remarks(kept))


def _bookings(kept: Kept) -> Card:
    quarter = next_quarter(kept)
    if not quarter:
        why = kept.figures("forecast").get("no_forecast", "not forecast yet")
        return Card("Expected bookings", NOT_DONE, why, "bookings")
    around = "no interval yet: too few past errors"
    if quarter["low"] is not None:
        low, high = short(quarter["low"]), short(quarter["high"])
        around = f"{quarter['level']:.0%} interval {low} to {high}"
    booked = f"; {short(quarter['booked'])} of it is booked" if quarter["booked"] else ""
    label = f"Expected bookings, quarter to {day(str(quarter['period_end']))}"
    return Card(label, short(quarter["forecast"]), around + booked, "bookings", kept.currency)


def _open(kept: Kept) -> Iterator[Card]:
    dead = kept.figures("forecast").get("dead_pipeline")
    if dead is None:
        yield Card("Open pipeline", NOT_DONE, "not scored yet", "open")
        return
    opened, amount = dead["open_opportunities"], dead["open_amount"]
    told = counted(opened, "engaged opportunity", "engaged opportunities")
    worth = f"{told}, worth {short(dead['expected_value'])} of it"
    yield Card("Open pipeline", short(amount), worth, "open", kept.currency)
    told = f"{count(dead['dead_opportunities'])} of {count(opened)} are older than any that closed"
    yield Card("Stale share of it", _whole(dead["dead_share"]), told, "dead")


def _quality(kept: Kept) -> Card:
    raw, clean = kept.figures("validate").get("quality_raw"), kept.figures("clean")
    if raw is None:
        return Card("Data quality", NOT_DONE, "not checked yet", "quality")
    after = ""
    if "quality_clean" in clean:
        aside = clean["rows_quarantined"]
        left = f"{counted(aside, 'row', 'rows')} set aside"
        after = f"{clean['quality_clean']:.3f} after cleaning; {left}"
    return Card("Data quality", f"{raw:.3f}", after or "not cleaned yet", "quality", "of 1")


def _trust(kept: Kept) -> Card:
    figures = kept.figures("evaluate")
    evaluation = figures.get("evaluation")
    if evaluation is None:
        why = "history too short to judge" if "not_evaluated" in figures else "not evaluated yet"
        return Card("Signal in the data", NOT_DONE, why, "trust")
    skill, off = evaluation["log_loss_skill"] or 0.0, share(evaluation["ece"])
    told = f"skill {skill:.3f}; chances are off by {off} on average"
    return Card("Signal in the data", figures["verdict"], told, "trust")


def _remarks(kept: Kept) -> Iterator[Remark]:
    if kept.manifest.error:
        yield Remark(f"The run {kept.manifest.status}: {kept.manifest.error}", "origins")
    if why := kept.figures("evaluate").get("not_evaluated"):
        yield Remark(f"The model could not be judged: {why}", "trust")
    forecast = kept.figures("forecast")
    if why := forecast.get("no_forecast"):
        yield Remark(f"There is no forecast: {why}", "bookings")
    if dead := forecast.get("dead_pipeline"):
        yield Remark(dead["summary"], "dead")
    yield from _beside(kept)
    if kept.figures("monitor").get("drift") in ("warning", "alert"):
        yield Remark(kept.figures("monitor")["drift_summary"], "drift")
    if leaks := kept.figures("audit").get("leaks"):
        told = (
            f"{counted(len(leaks), 'field knows', 'fields know')} the outcome, kept from the model"
        )
        yield Remark(f"{told}: {', '.join(leaks)}.", "leaks")


def _beside(kept: Kept) -> Iterator[Remark]:
    """Where the plain method lies outside of the interval, whoever plans must know."""
    quarter = next_quarter(kept)
    if not quarter or quarter["low"] is None:
        return
    plain = seasonal_naive(kept).get(("quarter", str(quarter["period_start"])))
    if plain is not None and not quarter["low"] <= plain <= quarter["high"]:
        way = "more than" if plain > quarter["high"] else "less than"
        yield Remark(
            f"The same months of last quarter brought {count(plain)} {kept.currency}, {way} the "
            f"{count(quarter['low'])} to {count(quarter['high'])} that are expected now.",
            "bookings",
        )


def _whole(part: float | None) -> str:
    return NOT_DONE if part is None else f"{part:.0%}"
