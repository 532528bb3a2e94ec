"""Does the database of the SQL source answer?"""

import time

from dealcast.errors import SettingsError
from dealcast.orchestration.doctor.spec import ANSWER_SECONDS, Finding, Setup, ok
from dealcast.settings import SqlSource


def database(setup: Setup) -> Finding:
    """Connect and ask `SELECT 1` in a read-only transaction."""
    from dealcast.sources.sql.session import read_only

    source = setup.settings.source
    if not isinstance(source, SqlSource):
        raise TypeError(source.kind)
    begun = time.monotonic()
    with read_only(quick(source)) as session:
        session.connection.exec_driver_sql("SELECT 1")
        where, dialect = session.where, session.connection.dialect.name
    if not source.queries:
        raise SettingsError(
            f"{where[:1].upper()}{where[1:]} answers, and no query says what to read from it.",
            remedy="set source.queries.opportunities to a SELECT in config/ENV.yaml",
        )
    took = f"{time.monotonic() - begun:.2f} s"
    return ok(
        f"{where[:1].upper()}{where[1:]} ({dialect}) answers a read-only query in {took}; to be "
        f"read: {', '.join(source.queries)}."
    )


def quick(source: SqlSource) -> SqlSource:
    """The same database, asked with little patience."""
    from dealcast.sources.sql.session import POSTGRES, database_url

    url = database_url(source)
    if url.drivername == POSTGRES:
        url = url.update_query_dict({"connect_timeout": str(ANSWER_SECONDS)})
    hidden = type(source.url)(url.render_as_string(hide_password=False)) if source.url else None
    return source.model_copy(update={"url": hidden, "timeout_seconds": ANSWER_SECONDS})
