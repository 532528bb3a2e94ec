"""The invented company of the sample: its agents, customers and price list.

Every name is made from the word lists below; none is a person or firm of the public data set.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

_GIVEN = ("Adela", "Bram", "Coralie", "Dov", "Esme", "Farid", "Greta", "Hugo", "Ilka", "Jonas",
          "Kirsa", "Lorne")  # fmt: skip
_FAMILY = ("Abendroth", "Birkeland", "Castellane", "Dunmore", "Eskildsen", "Fairweather",
           "Grimaldo", "Hartigan", "Iversen", "Jarnefelt", "Kowalczuk")  # fmt: skip
_STEMS = ("Alvo", "Bryn", "Corda", "Delmo", "Ferra", "Galvi", "Harro", "Ister", "Jovi", "Kelda",
          "Lumo", "Morvi", "Nalto", "Orvane", "Pelga", "Quilo", "Rusta")  # fmt: skip
_ENDINGS = ("tech", "worth", "line", "mark", "dyne")
_SECTORS = ("employment", "entertainment", "finance", "marketing", "medical", "retail",
            "services", "software", "technology", "telecommunications")  # fmt: skip
_HOME = "United States"
_ABROAD = ("Philippines", "Belgium", "Brazil", "Germany", "Italy", "Japan", "Kenya", "Norway",
           "Panama", "Poland")  # fmt: skip


class Product(NamedTuple):
    """A line of the price list: `price` in USD, `share` of all opportunities (0-1)."""

    name: str
    series: str
    price: int
    share: float


# The shares and the range of prices follow the public data set.
PRODUCTS = (
    Product("Nova Basic", "Nova", 560, 0.212),
    Product("Kilo Start", "Kilo", 50, 0.188),
    Product("Nova Pro", "Nova", 4_790, 0.168),
    Product("Kilo Prime", "Kilo", 3_450, 0.160),
    Product("Nova Plus Basic", "Nova", 1_120, 0.157),
    Product("Nova Plus Pro", "Nova", 5_460, 0.110),
    Product("Titan 900", "Titan", 27_000, 0.005),
)


def _person(number: int) -> str:
    # 12 and 11 have no common divisor, so 132 persons have different names.
    return f"{_GIVEN[number % len(_GIVEN)]} {_FAMILY[number % len(_FAMILY)]}"


AGENTS = tuple(_person(i) for i in range(35))
BUSY_AGENTS = 30  # The others are in the team list but have no opportunity, as in life.
MANAGERS = tuple(_person(i) for i in range(60, 66))
OFFICES = ("Harbour", "Midlands", "Summit")
ACCOUNTS = tuple(
    f"{_STEMS[i % len(_STEMS)]}{_ENDINGS[i % len(_ENDINGS)]}"
    for i in range(len(_STEMS) * len(_ENDINGS))
)


@dataclass(frozen=True)
class Company:
    """Who has how much of the business: shares (0-1) of all opportunities, summing to 1 each."""

    agents: NDArray[np.float64]
    accounts: NDArray[np.float64]
    products: NDArray[np.float64]


def found_company(rng: np.random.Generator) -> Company:
    """A company whose agents and accounts differ in size as much as in the public data set."""
    return Company(
        agents=_shares(np.exp(rng.normal(0, 0.42, BUSY_AGENTS))),
        accounts=_shares(np.exp(rng.normal(0, 0.39, len(ACCOUNTS)))),
        products=_shares(np.array([product.share for product in PRODUCTS])),
    )


def accounts_table(rng: np.random.Generator) -> pl.DataFrame:
    """One customer per row: revenue in million USD; `subsidiary_of` is null for most."""
    count = len(ACCOUNTS)
    revenue = np.round(np.exp(rng.normal(7.0, 1.2, count)), 2)
    abroad = rng.permutation(count)[: len(_ABROAD)]
    location = np.full(count, _HOME, dtype=object)
    location[abroad] = _ABROAD
    daughters = rng.permutation(np.arange(4, count))[:15]
    parent = np.full(count, None, dtype=object)
    parent[daughters] = [ACCOUNTS[i % 4] for i in daughters]
    return pl.DataFrame(
        {
            "account": ACCOUNTS,
            "sector": rng.permutation(np.resize(np.array(_SECTORS), count)),
            "year_established": rng.integers(1979, 2018, count),
            "revenue": revenue,
            "employees": (revenue * rng.uniform(1.5, 3.5, count)).astype(np.int64) + 5,
            "office_location": location.tolist(),
            "subsidiary_of": pl.Series(parent.tolist(), dtype=pl.String),
        }
    )


def products_table() -> pl.DataFrame:
    """The price list: one product per row, list price in USD."""
    return pl.DataFrame(
        [(p.name, p.series, p.price) for p in PRODUCTS],
        schema=["product", "series", "sales_price"],
        orient="row",
    )


def sales_teams_table() -> pl.DataFrame:
    """One sales agent per row, with manager and regional office."""
    managers = [i % len(MANAGERS) for i in range(len(AGENTS))]
    return pl.DataFrame(
        {
            "sales_agent": AGENTS,
            "manager": [MANAGERS[m] for m in managers],
            "regional_office": [OFFICES[m % len(OFFICES)] for m in managers],
        }
    )


def _shares(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = sizes / sizes.sum()
    return shares
