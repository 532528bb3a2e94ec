"""A CRM whose true probabilities are known: who engages when, when it closes, and how.

Per opportunity: it arrives by the week of the quarter; with a chance of its agent's it never
closes; else it closes by a daily hazard of age and week of quarter, times the speed of its agent,
account and product; the month of the quarter in which it closes, and again agent, account and
product, decide whether it is won. docs/sample.md has the formulas.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dealcast.settings import SampleSource
from dealcast.sources.sample.company import PRODUCTS, Company, found_company
from dealcast.sources.sample.effects import (
    Floats,
    entity_effects,
    intercepts,
    logistic,
    mixed_hazard,
    mixture,
    standard_effects,
)
from dealcast.sources.sample.rates import (
    DISCOUNT_MEAN,
    DISCOUNT_SD,
    NEVER_CLOSES,
    OLDEST_CLOSE_DAYS,
    PROSPECTING,
    Ints,
    arrivals,
    calendar_of,
    cumulative_hazard,
    win_rates,
)

Bools = NDArray[np.bool_]

BLOCK = 200_000
"""Rows drawn from one random stream: a constant, so that neither chunks nor threads matter."""

NOT_CLOSING = np.iinfo(np.int64).max
NEVER_CLOSES_SPREAD = 0.40
"""Spread of the agents' never-closing shares (sd of log odds), at any signal: as measured."""

_COMPANY_STREAM, _OPPORTUNITY_STREAM = 0, 1
_LIST_PRICES = np.array([product.price for product in PRODUCTS])


@dataclass(frozen=True)
class Parties:
    """Whose opportunities they are: positions in the company's lists, one entry per opportunity."""

    agent: Ints
    account: Ints
    product: Ints


@dataclass(frozen=True)
class Outcomes(Parties):
    """What really happens to opportunities, the future included: one entry per opportunity.

    `row` counts through the whole sample; days count from the first engage date (0). `closed` is
    NOT_CLOSING where it never closes; `value` (USD) is 0 unless won. A Prospecting one has not
    engaged yet: only its parties count.
    """

    row: Ints
    engaged: Ints
    closed: Ints
    won: Bools
    value: Ints
    prospecting: Bools

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: Ints | Bools | slice) -> Self:
        """The entries at these positions, or where this mask is true."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


class World:
    """The company and its customers' behaviour under the settings: draws outcomes, knows the odds.

    >>> world = World(SampleSource(opportunities=1_000))
    >>> outcomes = world.outcomes(block=0)
    >>> p_won, p_lost = world.truth(outcomes, ages=np.zeros(1_000, dtype=int), horizon=138)
    >>> bool(((p_won > 0) & (p_lost > 0) & (p_won + p_lost < 1)).all())
    True
    """

    def __init__(self, settings: SampleSource) -> None:
        self.settings = settings
        rng = np.random.default_rng([settings.seed, _COMPANY_STREAM])
        self.company = found_company(rng)
        self.never_closes = _never_closes(rng, self.company)
        closing = self.company.agents * (1 - self.never_closes)
        shares = {
            "agent": closing / closing.sum(),
            "account": self.company.accounts,
            "product": self.company.products,
        }
        self._winning, self._log_speed = entity_effects(rng, shares, settings.signal)
        self._calendar = calendar_of(settings.start, settings.days)
        self._arrivals = arrivals(self._calendar, settings.days, settings.calendar)
        log_speeds, together = mixture(self._log_speed, shares)
        hazard = cumulative_hazard(self._calendar, settings.days, settings.calendar)
        self._hazard = mixed_hazard(hazard, log_speeds, together)
        winning, _ = mixture(self._winning, shares)
        closing_in_month = together * self._months_of_close(log_speeds)
        self._win_log_odds = intercepts(win_rates(settings.calendar), winning, closing_in_month)
        # One ascending run of numbers, day after day: a single search finds the age on any day.
        self._top = float(self._hazard.max()) + 1.0
        self._ladder = (self._hazard + 2 * self._top * np.arange(settings.days)[:, None]).ravel()

    @property
    def blocks(self) -> int:
        """How many blocks of at most BLOCK opportunities make the sample."""
        return -(-self.settings.opportunities // BLOCK)

    def outcomes(self, block: int) -> Outcomes:
        """The opportunities of one block; the same whenever and wherever they are drawn.

        An opportunity that closed before observation began (`truncate_left_days`) is not in the
        export, so another is drawn in its place.
        """
        first = block * BLOCK
        count = min(BLOCK, self.settings.opportunities - first)
        rng = np.random.default_rng([self.settings.seed, _OPPORTUNITY_STREAM, block])
        parts: list[Outcomes] = []
        missing = count
        while missing > 0:
            drawn = self._draw(rng, missing + missing // 3 + 16)
            seen = drawn.take(drawn.closed >= self.settings.truncate_left_days)
            parts.append(seen.take(slice(missing)))
            missing -= len(parts[-1])
        return _numbered(parts, first)

    def truth(self, outcomes: Outcomes, ages: Ints, horizon: int) -> tuple[Floats, Floats]:
        """Chances of being won and of being lost within the horizon, given still open at that age.

        `ages` and `horizon` in days; exact, in closed form: the chance to close in each month that
        the horizon touches times the chance to win in it. Undefined for Prospecting ones.
        """
        engaged, speed = outcomes.engaged, np.exp(_summed(self._log_speed, outcomes))
        winning = _summed(self._winning, outcomes)
        never = self.never_closes[outcomes.agent]
        age = np.minimum(ages, OLDEST_CLOSE_DAYS)
        last = np.minimum(age + horizon, OLDEST_CLOSE_DAYS)
        still_open = self._still_open(engaged, age, speed)
        scale = (1 - never) / (never + (1 - never) * still_open)
        p_won, p_lost = np.zeros(len(outcomes)), np.zeros(len(outcomes))
        while (age < last).any():
            tomorrow = engaged + age + 1
            until = np.clip(self._calendar.month_end[tomorrow] - engaged, age, last)
            open_then = self._still_open(engaged, until, speed)
            closes = scale * (still_open - open_then)
            wins = logistic(self._win_log_odds[self._calendar.month[tomorrow]] + winning)
            p_won += closes * wins
            p_lost += closes * (1 - wins)
            age, still_open = until, open_then
        return p_won, p_lost

    def _draw(self, rng: np.random.Generator, count: int) -> Outcomes:
        parties = Parties(
            agent=_pick(rng, self.company.agents, count),
            account=_pick(rng, self.company.accounts, count),
            product=_pick(rng, self.company.products, count),
        )
        engaged = _pick(rng, self._arrivals, count)
        hazard = rng.standard_exponential(count) / np.exp(_summed(self._log_speed, parties))
        closed = engaged + self._age_at(hazard, engaged)
        wins = logistic(
            self._win_log_odds[self._calendar.month[closed]] + _summed(self._winning, parties)
        )
        closes = rng.random(count) >= self.never_closes[parties.agent]
        won = closes & (rng.random(count) < wins)
        discount = rng.normal(DISCOUNT_MEAN, DISCOUNT_SD, count)
        paid = np.maximum(np.rint(_LIST_PRICES[parties.product] * discount), 1)
        return Outcomes(
            **vars(parties),
            row=np.arange(count),
            engaged=engaged,
            closed=np.where(closes, closed, NOT_CLOSING),
            won=won,
            value=np.where(won, paid, 0).astype(np.int64),
            prospecting=rng.random(count) < PROSPECTING,
        )

    def _months_of_close(self, log_speeds: Floats) -> Floats:
        """Chance to close in each month of the quarter (row) at each speed, if it closes at all.

        Computed on a grid of speeds: it changes slowly with speed.
        """
        slowest, quickest = log_speeds.min(), log_speeds.max()
        grid = np.linspace(slowest, quickest, 33 if quickest > slowest else 1)
        engaged = np.arange(self.settings.days)[:, None]
        ages = np.arange(OLDEST_CLOSE_DAYS + 1)
        month = self._calendar.month[engaged + ages[1:]].ravel()
        on_grid = []
        for speed in np.exp(grid):
            closes = -np.diff(self._still_open(engaged, ages, speed)) * self._arrivals[:, None]
            on_grid.append(np.bincount(month, closes.ravel(), minlength=3))
        return np.array(
            [np.interp(log_speeds, grid, chance) for chance in zip(*on_grid, strict=True)]
        )

    def _age_at(self, hazard: Floats, engaged: Ints) -> Ints:
        """The first age (days) at which the cumulative hazard of that engage day is reached."""
        rung = 2 * self._top * engaged + np.minimum(hazard, self._top)
        return np.searchsorted(self._ladder, rung) - engaged * OLDEST_CLOSE_DAYS

    def _still_open(self, engaged: Ints, age: Ints, speed: Floats | np.float64) -> Floats:
        """Chance that one which will close is still open at the end of that age (days)."""
        column = np.minimum(age, OLDEST_CLOSE_DAYS - 1)
        still_open = np.exp(-speed * self._hazard[engaged, column])
        return np.where(age < OLDEST_CLOSE_DAYS, still_open, 0.0)


def _never_closes(rng: np.random.Generator, company: Company) -> Floats:
    """Each agent's share (0-1) that never closes; all together NEVER_CLOSES."""
    effects = NEVER_CLOSES_SPREAD * standard_effects(rng, company.agents)
    return logistic(intercepts(np.array([NEVER_CLOSES]), effects, company.agents) + effects)


def _summed(effects: dict[str, Floats], parties: Parties) -> Floats:
    together: Floats = (
        effects["agent"][parties.agent]
        + effects["account"][parties.account]
        + effects["product"][parties.product]
    )
    return together


def _pick(rng: np.random.Generator, shares: Floats, count: int) -> Ints:
    steps = shares.cumsum() / shares.sum()
    return np.searchsorted(steps, rng.random(count), side="right")


def _numbered(parts: list[Outcomes], first: int) -> Outcomes:
    joined = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])
        for f in fields(Outcomes)
        if f.name != "row"
    }
    rows = sum(len(part) for part in parts)
    return Outcomes(row=np.arange(first, first + rows), **joined)
