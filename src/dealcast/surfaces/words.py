"""Numbers and days as people read them, alike in the terminal, the report and the charts."""

from datetime import date

MILLION, THOUSAND = 1_000_000, 1_000
# Below so many of the larger unit, the smaller one is told: 9,999 stays, 10,000 is 10 k.
SHORT_FROM = 10
LONGEST_SHORT = 3
GAP = "\N{NO-BREAK SPACE}"  # a figure and its unit stay on one line


def count(number: float | None) -> str:
    """A count or an amount with thousands separators; a dash for none."""
    return "-" if number is None else f"{number:,.0f}"


def counted(number: int, one: str, more: str) -> str:
    """A count with its noun.

    >>> counted(1, "opportunity", "opportunities"), counted(2_000, "row", "rows")
    ('1 opportunity', '2,000 rows')
    """
    return f"{count(number)} {one if number == 1 else more}"


def share(number: float | None) -> str:
    """A share (0-1) as per cent; a dash for none."""
    return "-" if number is None else f"{number:.1%}"


def figure(number: float | None) -> str:
    """A figure of merit with three decimals; a dash for none."""
    return "-" if number is None else f"{number:.3f}"


def short(amount: float | None) -> str:
    """An amount in at most four characters and a unit; a dash for none.

    >>> [short(a).replace(GAP, " ") for a in (1_901_578, 531_112, 8_961, 0)]
    ['1.90 M', '531 k', '8,961', '0']
    """
    if amount is None:
        return "-"
    if round(abs(amount)) >= MILLION - THOUSAND / 2:
        return f"{_digits(amount / MILLION)}{GAP}M"
    if abs(amount) >= SHORT_FROM * THOUSAND:
        return f"{_digits(amount / THOUSAND)}{GAP}k"
    return f"{amount:,.0f}"


def day(when: date | str | None) -> str:
    """A day without doubt about its order; a dash for none.

    >>> day("2018-03-31")
    '31 Mar 2018'
    """
    if when is None:
        return "-"
    when = date.fromisoformat(when[:10]) if isinstance(when, str) else when
    return f"{when.day} {when:%b %Y}"


def month(when: date | str) -> str:
    """A month.

    >>> month("2018-03-01")
    'Mar 2018'
    """
    return day(when).split(" ", 1)[1]


def _digits(number: float) -> str:
    whole = len(f"{abs(number):.0f}")
    return f"{number:,.{max(LONGEST_SHORT - whole, 0)}f}"
