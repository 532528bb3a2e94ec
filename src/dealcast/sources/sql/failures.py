"""What a database's refusal means, and what to do about it. Passwords are in none of it."""

from dataclasses import dataclass

from dealcast.errors import SourceAwayError, SourceError

QUERY = "mend source.queries.{table}"


@dataclass(frozen=True)
class Failure:
    """A kind of refusal: known by SQLSTATE (or its beginning), or by words of the message."""

    states: tuple[str, ...]
    words: tuple[str, ...]
    means: str
    remedy: str
    may_pass: bool = False


# The first that fits counts. {where}: host, port and database; {table}: the table that was read.
FAILURES: tuple[Failure, ...] = (
    Failure(
        ("28",),
        ("password authentication failed", "no password supplied", "access denied for user"),
        "{where} refuses the user or the password",
        "set the right ones in source.url (DEALCAST__SOURCE__URL); special letters in a password "
        "are written as %40 for @, %2F for /",
    ),
    Failure(
        (),
        ("no pg_hba.conf entry", "does not support ssl", "ssl is required", "certificate"),
        "{where} does not let this user in from here, or not without encryption",
        "ask its administrator, or mend ?sslmode= of source.url",
    ),
    Failure(
        ("42501",),
        ("permission denied",),
        "The user may not read what the query for '{table}' reads",
        "GRANT SELECT on it to the user of source.url",
    ),
    Failure(
        ("3D000",),
        ('database "', "unable to open database file"),
        "{where} has no such database, or it cannot be opened",
        "set the right name in source.url",
    ),
    Failure(
        ("25006",),
        ("readonly database", "read-only transaction"),
        "The query for '{table}' writes, and a source is only ever read",
        "make source.queries.{table} a SELECT that changes nothing",
    ),
    Failure(
        ("57014",),
        ("statement timeout", "maximum statement execution time"),
        "The query for '{table}' took longer than source.timeout_seconds allows",
        "make the query quicker (an index, fewer columns), or raise source.timeout_seconds",
        may_pass=True,
    ),
    Failure(
        ("42P01", "3F000"),
        ("no such table",),
        "The query for '{table}' reads a table that is not there",
        QUERY + ": name the schema too, as in crm.deals, where it is not the usual one",
    ),
    Failure(
        ("42703",),
        ("no such column",),
        "The query for '{table}' reads a column that is not there",
        QUERY + ", or source.cursor_column where that is the column",
    ),
    Failure(
        ("42601", "0A000"),
        ("syntax error", "one statement at a time", "must be at the top level"),
        "The query for '{table}' is no SELECT that the database understands",
        QUERY + ": one SELECT, without parameters",
    ),
    Failure(
        ("53", "57P", "08", "40", "58"),
        (
            "refused",
            "timeout",
            "timed out",
            "could not translate host name",
            "failed to resolve host",
            "name or service not known",
            "closed the connection",
            "connection is lost",
            "connection is closed",
            "reset by peer",
            "unreachable",
            "could not receive data",
            "ssl syscall error",
            "closed unexpectedly",
            "starting up",
            "shutting down",
            "too many clients",
            "database is locked",
        ),
        "{where} does not answer, or stopped answering",
        "see that the server is up and can be reached from here, then try again",
        may_pass=True,
    ),
)
OTHER = Failure((), (), "The query for '{table}' failed", QUERY)
OTHER_CONNECTION = Failure((), (), "{where} cannot be used", "mend source.url")


def explained(
    error: BaseException, where: str, table: str | None, *, secrets: tuple[str, ...] = ()
) -> SourceError:
    """The failure in words, with the first line of what the database said.

    `error`: the driver's own. `table`: whose query it was, None while connecting. `secrets` are
    struck out of the message.
    """
    message = first_line(str(error), secrets)
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""
    failure = next((f for f in FAILURES if _fits(f, state, str(error))), None)
    if failure is None or (table is None and "{table}" in failure.means):
        failure = OTHER if table else OTHER_CONNECTION
    kind = SourceAwayError if failure.may_pass else SourceError
    words = {"where": where, "table": table}
    means = failure.means.format(**words)
    return kind(
        f"{means[:1].upper()}{means[1:]}: {message}.", remedy=failure.remedy.format(**words)
    )


def first_line(message: str, secrets: tuple[str, ...] = ()) -> str:
    r"""The first line of a message, and a second one that it announces; without the secrets.

    >>> first_line('relation "deals" does not exist\nLINE 1: SELECT')
    'relation "deals" does not exist'
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["no reason given"]
    shown = lines[0]
    if shown.endswith(":") and len(lines) > 1:
        shown = f"{shown} {lines[1].lstrip('- ')}"
    for secret in secrets:
        shown = shown.replace(secret, "***")
    return shown.rstrip(".")


def _fits(failure: Failure, state: str, message: str) -> bool:
    if state:
        return state.startswith(failure.states) if failure.states else False
    return any(word in message.lower() for word in failure.words)
