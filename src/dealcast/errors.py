"""Every error a user can meet. Each one says what is wrong and what to do next."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

from dealcast.hiding import hidden

EXAMPLES_SHOWN = 5
LONGEST_NAME = 100  # characters shown of a name; a cell of an export may have millions


class DealcastError(Exception):
    """A fact with names and numbers (`problem`) and the next command or edit (`remedy`).

    Neither holds a secret, whatever a library or a server has said.

    `exit_code` is what the command line ends with; docs/errors.md lists them. `may_pass`: the same
    attempt may succeed a little later, so it is worth retrying.

    >>> error = SourceError("No file at 'crm/'.", remedy="give a folder with --path")
    >>> print(error)
    No file at 'crm/'.
    <BLANKLINE>
    Try: give a folder with --path
    """

    exit_code: ClassVar[int] = 1
    may_pass: ClassVar[bool] = False

    def __init__(self, problem: str, *, remedy: str) -> None:
        self.problem = printable(hidden(problem))
        self.remedy = printable(hidden(remedy))
        super().__init__(self.problem, self.remedy)

    def __str__(self) -> str:
        return f"{self.problem}\n\nTry: {self.remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling that process pools use.
        return (_rebuild, (type(self), self.problem, self.remedy))


def _rebuild(kind: type[DealcastError], problem: str, remedy: str) -> DealcastError:
    return kind(problem, remedy=remedy)


class SettingsError(DealcastError):
    """A setting is unknown, of the wrong type, or missing."""

    exit_code = 2


class SourceError(DealcastError):
    """The export cannot be had or read."""

    exit_code = 3


class SourceAwayError(SourceError):
    """The source does not answer, or not in time: a later attempt may succeed."""

    may_pass = True


class QualityError(DealcastError):
    """The export can be read, but its score is under the threshold."""

    exit_code = 4


class StoreError(DealcastError):
    """The store cannot be opened, read or written, or holds no such table."""

    exit_code = 5


class StoreAwayError(StoreError):
    """The store's server does not answer, not in time, or is overloaded: it may do so later."""

    may_pass = True


class ContractError(StoreError):
    """A table does not have the columns, types or rules that its contract states."""


class ModelError(DealcastError):
    """There is too little to learn from, or a model does not fit the data it is given."""

    exit_code = 6


class HistoryTooShortError(ModelError):
    """There are too few dates to judge a model on; it may still be trained."""


class OtherVersionError(ModelError):
    """A model was written by another version of Dealcast and cannot be read by this one."""


class LeakError(ModelError):
    """A feature reads something that was not known on the snapshot date."""


class OutOfMemoryError(DealcastError):
    """Python could not get the memory that something takes."""


class ServiceError(DealcastError):
    """Prefect, MLflow or another service cannot be used as it is set up."""

    exit_code = 8


class ServiceAwayError(ServiceError):
    """A service does not answer, or not in time: a later attempt may succeed."""

    may_pass = True


class MissingExtraError(DealcastError, ImportError):
    """An optional dependency is needed for this and is not installed."""

    exit_code = 7

    def __init__(self, need: str, *, extra: str) -> None:
        super().__init__(
            f"{need} needs the optional dependencies '{extra}', which are not installed.",
            remedy=f"uv pip install 'dealcast[{extra}]'",
        )
        self.need = need
        self.extra = extra

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_missing_extra, (self.need, self.extra))


def _rebuild_missing_extra(need: str, extra: str) -> MissingExtraError:
    return MissingExtraError(need, extra=extra)


def refuse_newer(what: str, written_in: int, known: int) -> None:
    """Raises StoreError where something was written in a schema that is not known here.

    >>> refuse_newer("Table 'scores'", 1, known=1)
    """
    if written_in > known:
        raise StoreError(
            f"{what} was written by a newer release of dealcast: its schema is {written_in}, and "
            f"this release knows {known}.",
            remedy="upgrade dealcast on this machine to the release that wrote it, or give another "
            "store with --root",
        )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, in whatever order they come; None where nothing is near.

    >>> nearest("storge", ["storage", "source"])
    'storage'
    """
    if len(name) > LONGEST_NAME:
        return None  # to compare them would take hours, and nobody mistypes so much
    by_lower = {k.lower(): k for k in sorted(known, reverse=True) if len(k) <= LONGEST_NAME}
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def listed(names: Iterable[object], *, shown: int = EXAMPLES_SHOWN) -> str:
    """At most `shown` names in quotes, and how many more there are.

    >>> listed(["a", "b", "c"], shown=2)
    "'a', 'b' and 1 more"
    """
    every = list(names)
    rest = len(every) - shown
    return ", ".join(map(quoted, every[:shown])) + (f" and {rest} more" if rest > 0 else "")


def quoted(name: object) -> str:
    r"""The name in quotes, as `shortened` shows it.

    >>> quoted("a\nb")
    "'a\\nb'"
    """
    return f"'{shortened(str(name))}'"


def shortened(text: str) -> str:
    r"""The text on one line, printable, and cut where it is very long.

    >>> shortened("x" * 1_000)[-3:]
    'xx…'
    """
    cut = text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"
    return printable(cut.replace("\n", "\\n"))


def printable(text: str) -> str:
    r"""The text with what a terminal would obey, or not show, written as Python writes it.

    >>> print(printable("a\x1b[2Jb\N{ZERO WIDTH SPACE}"))
    a\x1b[2Jb\u200b
    """
    if text.replace("\n", " ").isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )
