"""BODIES of requests and answers, as the OpenAPI document describes them."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dealcast.contracts import EARLIEST, LARGEST_AMOUNT, LATEST
from dealcast.surfaces.api.paging import Sort

# The days of the contracts, EARLIEST to LATEST: a JSON schema knows no least date.
DAY = r"^(19[89]\d|20\d{2})-\d{2}-\d{2}$"


def _iso_day(given: object) -> object:
    # pydantic would take seconds since 1970 and times of day too.
    if isinstance(given, str | int | float) and not re.match(DAY, str(given)):
        raise ValueError(f"must be a day from {EARLIEST} to {LATEST} as YYYY-MM-DD")
    return given


Text = Annotated[str, Field(max_length=500)]
Id = Annotated[str, Field(min_length=1, max_length=500)]
Day = Annotated[date, BeforeValidator(_iso_day), Field(json_schema_extra={"pattern": DAY})]
Chance = Annotated[float, Field(ge=0, le=1)]

EXAMPLE: dict[str, Any] = {
    "opportunities": [
        {
            "opportunity_id": "A1",
            "engage_date": "2026-01-10",
            "sales_agent": "Ann Bold",
            "product": "Widget",
            "account": "Acme",
            "amount": 1200,
        }
    ],
    "as_of": "2026-02-01",
    "reasons": True,
}


class Body(BaseModel):
    """Strict: an unknown name is more likely a wrong one."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Opportunity(Body):
    """What is known of an open opportunity on the day of scoring; null: not known."""

    opportunity_id: Id = Field(description="Any id; once in a request.")
    engage_date: Day | None = Field(
        None, description="When it was engaged; null: not yet, so there is no chance to tell."
    )
    deal_stage: Literal["Prospecting", "Engaging"] | None = Field(
        None, description="Only open ones can be scored; null: Engaging."
    )
    sales_agent: Text | None = Field(None, description="As in the CRM; an unknown one is average.")
    product: Text | None = Field(None, description="As in the CRM; an unknown one is average.")
    account: Text | None = Field(None, description="As in the CRM; an unknown one is average.")
    amount: float | None = Field(
        None,
        strict=True,
        ge=0,
        le=LARGEST_AMOUNT,
        description="What it brings if won; null: as a run takes it to be, by its product.",
    )


class ScoreRequest(Body):
    """One or many opportunities, and the day at whose end they are open."""

    opportunities: list[Opportunity] = Field(min_length=1)
    as_of: Day | None = Field(
        None,
        description="Day of scoring; by default `known_until` of /v1/model, and never before.",
    )
    reasons: bool = Field(False, strict=True, description="Tell why: the parts of each score.")

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


class Listing(Body):
    """Which of the issued opportunities, in which order, from where on."""

    sales_agent: Text | None = None
    product: Text | None = None
    account: Text | None = None
    grade: Literal["A", "B", "C", "D"] | None = None
    is_stale: bool | None = None
    sort: Sort = Field("-expected_value", description="A column; - for falling.")
    limit: int = Field(
        50, ge=1, le=100_000, description="Most to tell; never more than api.max_opportunities."
    )
    cursor: str | None = Field(
        None, max_length=2_000, description="`next_cursor` of the page before."
    )


class Within(Body):
    """Chances within a horizon; null where there is no clock (`note` says why)."""

    horizon_days: int
    p_won: Chance | None
    p_lost: Chance | None


class Reason(Body):
    """What a part adds to the log-odds of being won within the longest horizon."""

    part: str
    log_odds: float


class Scored(Body):
    """An open opportunity with its chances: the same figures wherever they are asked for."""

    opportunity_id: str
    scored_on: date
    model_id: str
    sales_agent: str | None
    product: str | None
    account: str | None
    deal_stage: str
    engage_date: date | None
    age_days: int | None
    chances: list[Within] = Field(description="By horizon, the shortest first.")
    p_ever_won: Chance | None = Field(description="Extrapolation beyond the horizons.")
    amount: float | None
    amount_from: str | None = Field(description="stated, list price or mean won value.")
    expected_value: float | None = Field(description="Amount times the chance at the longest.")
    grade: Literal["A", "B", "C", "D"] | None
    closes_from: date | None = Field(description="If it closes, then in four of five cases ...")
    closes_until: date | None = Field(description="... between these days.")
    is_stale: bool = Field(description="Older than any opportunity that ever closed.")
    stale_evidence: str | None
    is_low_information: bool
    note: str | None
    reason_for: str | None = Field(None, description="What raises the score most.")
    reason_against: str | None = Field(None, description="What lowers it most.")
    reasons: list[Reason] | None = Field(
        None, description="Parts that add up to the log-odds; null where not asked for."
    )


class ScoreAnswer(Body):
    """The scores, in the order of the request."""

    model_id: str
    as_of: date
    opportunities: list[Scored]


class Page(Body):
    """Some of the open opportunities as last issued."""

    run_id: str = Field(description="The run that issued the scores.")
    total: int = Field(description="How many meet the filters (count).")
    opportunities: list[Scored]
    next_cursor: str | None = Field(description="Give it as `cursor`; null: this is the last page.")


class Period(Body):
    """Bookings to expect in a week, month or fiscal quarter; booked + pipeline + new_business."""

    issued_on: date
    period_kind: Literal["week", "month", "quarter"]
    period_start: date
    period_end: date
    ahead: int
    method: str
    booked: float
    pipeline: float
    new_business: float
    forecast: float
    low: float | None
    high: float | None
    level: float
    note: str | None


class ForecastAnswer(Body):
    """The bookings forecast as last issued."""

    run_id: str
    currency: str
    periods: list[Period]


class ModelAnswer(Body):
    """The champion: what scores at this moment."""

    model_id: str
    estimator: str
    trained_until: date
    known_until: date = Field(description="Last day it has learnt from; scores are from it on.")
    trained_in: str = Field(description="The run that trained it.")
    promoted_in: str = Field(description="The run that made it champion.")
    promotion: str = Field(description="Why.")
    source: str
    horizons_days: list[int]
    features: list[str]
    entities: list[str]
    won: int = Field(description="Won opportunities it has learnt from (count).")
    lost: int
    oldest_closed_age_days: int


class Health(Body):
    """Whether the API lives, or can answer."""

    status: Literal["ok"]


class ProblemError(BaseModel):
    """One value that is not valid."""

    at: str
    problem: str


class Problem(BaseModel):
    """RFC 9457, with what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str
    request_id: str
    errors: list[ProblemError] | None = None
