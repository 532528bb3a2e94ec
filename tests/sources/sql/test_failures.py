"""A database's refusals in words."""

import pytest

from dealcast.errors import SourceAwayError, SourceError
from dealcast.sources.sql.failures import explained, first_line

WHERE = "the database crm on db:5432"


class DriverError(Exception):
    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("message", "state", "table", "said", "may_pass"),
    [
        ("connection refused", None, None, "does not answer", True),
        ('FATAL: password authentication failed for user "me"', None, None, "password", False),
        ('FATAL: database "crn" does not exist', None, None, "no such database", False),
        ("FATAL: sorry, too many clients already", None, None, "does not answer", True),
        ("FATAL: the database system is starting up", None, None, "does not answer", True),
        ("SSL connection has been closed unexpectedly", None, "accounts", "not answer", True),
        ("consuming input failed: SSL SYSCALL error: EOF", None, "accounts", "not answer", True),
        ('no pg_hba.conf entry for host "h", SSL off', None, None, "let this user in", False),
        ('permission denied for database "crm"', None, None, "cannot be used", False),
        ("terminating connection", "57P01", "accounts", "stopped answering", True),
        ("canceling statement due to statement timeout", "57014", "accounts", "longer", True),
        ("cannot execute UPDATE", "25006", "accounts", "'accounts' writes", False),
        ("permission denied for table deals", "42501", "accounts", "may not read", False),
        ('relation "deals" does not exist', "42P01", "accounts", "table that is not", False),
        ('column "x" does not exist', "42703", "accounts", "column that is not", False),
        ("syntax error at or near", "42601", "accounts", "no SELECT", False),
        ("division by zero", "22012", "accounts", "query for 'accounts' failed", False),
        ("database is locked", None, "accounts", "does not answer", True),
        ("no such table: deals", None, "accounts", "table that is not", False),
    ],
)
def test_a_refusal_is_explained(
    message: str, state: str | None, table: str | None, said: str, may_pass: bool
) -> None:
    error = explained(DriverError(message, state), WHERE, table)
    assert said in error.problem
    assert message in error.problem
    assert error.may_pass is may_pass
    assert isinstance(error, SourceAwayError if may_pass else SourceError)


def test_a_failure_without_table_while_connecting_names_the_place() -> None:
    error = explained(DriverError("unrecognized parameter"), WHERE, None)
    assert error.problem == "The database crm on db:5432 cannot be used: unrecognized parameter."


def test_secrets_are_struck_out() -> None:
    error = explained(DriverError("bad dsn u:s3cr%40t@h"), WHERE, None, secrets=("s3cr%40t",))
    assert error.problem.endswith("bad dsn u:***@h.")


def test_a_list_of_attempts_shows_the_first() -> None:
    message = "Multiple connection attempts failed. All failures were:\n- host: 'a' refused\n- b"
    assert first_line(message).endswith("All failures were: host: 'a' refused")
