"""Where MLflow is, and whether it can be used: asked with short time-outs, before any work.

Asks without loading MLflow itself, which takes seconds.
"""

import json
import os
import re
import sqlite3
import ssl
from base64 import b64encode
from contextlib import closing
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from dealcast.errors import MissingExtraError, ServiceAwayError, ServiceError, SettingsError
from dealcast.settings import TrackingSettings

# The releases that Dealcast is tested with, of client and server.
TESTED = "3.17"
INSTALL = "uv pip install 'mlflow>=3.17.2,<3.18'"
SQLITE = "sqlite:///"
START = f"start it (`dealcast stack up`, or: {INSTALL}; mlflow server), or mend tracking.uri"
# Of what a server says when it refuses (characters).
SHOWN = 200
UNAVAILABLE = (429, 502, 503, 504)
REFUSED = (401, 403)


def tracking_uri(settings: TrackingSettings, root: object) -> str:
    """Where MLflow is: as set, or a SQLite file in the folder of the store.

    Raises SettingsError where that cannot be, or the address holds a password.
    """
    uri = settings.uri
    if uri == "auto":
        if re.match(r"\w+:/", str(root)):
            raise SettingsError(
                f"tracking.uri is auto, which means SQLite beside the store, but the store is at "
                f"{root}.",
                remedy="set tracking.uri to an MLflow server, such as http://HOST:5000",
            )
        return f"{SQLITE}{Path(str(root)).resolve()}/mlflow/mlflow.db"
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https", "sqlite"):
        raise SettingsError(
            f"tracking.uri = {uri} is no MLflow server.",
            remedy="give http://HOST:5000, sqlite:////FOLDER/mlflow.db, or auto",
        )
    return uri.rstrip("/")


def database_file(uri: str) -> Path:
    """The file of a SQLite address."""
    return Path(uri.removeprefix(SQLITE))


def would_make_a_file(settings: TrackingSettings, root: object) -> bool:
    """Whether the first use would make a SQLite file."""
    uri = tracking_uri(settings, root)
    return uri.startswith(SQLITE) and not database_file(uri).is_file()


def check_server(settings: TrackingSettings, root: object) -> str:
    """The version of MLflow that answers, or that reads the SQLite file, ready to be used.

    `root`: of the store. Raises ServiceAwayError where nothing answers, ServiceError for another
    version, something else, refused credentials or an old schema, MissingExtraError without MLflow.
    """
    uri = tracking_uri(settings, root)
    here = installed()
    if uri.startswith(SQLITE):
        _check_schema(uri)
        return here
    served = _served_version(uri, settings.timeout_seconds)
    _check_access(uri, settings.timeout_seconds)
    return served


def installed() -> str:
    """The version of the MLflow client. Raises ServiceError for an untested one."""
    try:
        here = version("mlflow")
    except PackageNotFoundError:
        raise MissingExtraError("Tracking with MLflow", extra="mlflow") from None
    if not here.startswith(f"{TESTED}."):
        raise ServiceError(
            f"MLflow {here} is installed; Dealcast is tested with {TESTED}.", remedy=INSTALL
        )
    return here


def _served_version(uri: str, seconds: float) -> str:
    found = _ask(uri, "/version", seconds).strip()
    if not re.fullmatch(r"\d+\.\d+\.\d+\S*", found):
        raise ServiceError(
            f"What answers at {uri} is not an MLflow server.",
            remedy="give the address of the MLflow server as tracking.uri",
        )
    if not found.startswith(f"{TESTED}."):
        raise ServiceError(
            f"The MLflow server at {uri} is {found}; Dealcast is tested with {TESTED}.",
            remedy=f"on the server: {INSTALL}, then `mlflow db upgrade DATABASE_URI`",
        )
    return found


def _check_access(uri: str, seconds: float) -> None:
    """See that a request gets through to the database, with our credentials."""
    path = "/api/2.0/mlflow/experiments/search"
    found = _ask(uri, path, seconds, content={"max_results": 1})
    try:
        json.loads(found)
    except ValueError:
        raise ServiceError(
            f"The MLflow server at {uri} answers a request with something else than JSON.",
            remedy="see whether a proxy stands before it, and give the address behind it",
        ) from None


def _ask(uri: str, path: str, seconds: float, content: object = None) -> str:
    """What the server answers. Raises ServiceAwayError, or ServiceError with what it said."""
    body = None if content is None else json.dumps(content).encode()
    headers = {"Content-Type": "application/json", **_credentials()}
    request = Request(uri + path, data=body, headers=headers)  # noqa: S310 - http(s), checked
    try:
        with urlopen(request, timeout=seconds, context=_tls(uri)) as answer:  # noqa: S310 - same
            found: bytes = answer.read()
            return found.decode(errors="replace")
    except HTTPError as error:
        with error:
            said = error.read(2_000).decode(errors="replace")
        raise _refused(uri, path, error.code, said) from None
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise ServiceAwayError(
            f"The MLflow server at {uri} does not answer: {reason}.", remedy=START
        ) from None


def _refused(uri: str, path: str, code: int, said: str) -> ServiceError:
    if code in UNAVAILABLE:
        return ServiceAwayError(
            f"The MLflow server at {uri} is not available (HTTP {code}).", remedy=START
        )
    if code in REFUSED and "host" in said.lower():
        return ServiceError(
            f"The MLflow server at {uri} refuses that host name: {said.strip()[:SHOWN]}",
            remedy="start it with --allowed-hosts naming that host",
        )
    if code in REFUSED:
        return ServiceError(
            f"The MLflow server at {uri} refuses access (HTTP {code}).",
            remedy="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "MLFLOW_TRACKING_TOKEN",
        )
    if path == "/version":
        return ServiceError(
            f"What answers at {uri} is not an MLflow server (HTTP {code} for {path}).",
            remedy="give the address of the MLflow server as tracking.uri",
        )
    told = said.strip()[:SHOWN]
    return ServiceError(
        f"The MLflow server at {uri} cannot read its database (HTTP {code}): {told}",
        remedy="see the server's log; after an upgrade: `mlflow db upgrade DATABASE_URI`",
    )


def _credentials() -> dict[str, str]:
    """The header that MLflow's own client would send, from its environment variables."""
    user, password, token = (
        os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD", "TOKEN")
    )
    if user and password:
        return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


def _tls(uri: str) -> ssl.SSLContext | None:
    """As MLflow's own client: the environment names a certificate, or switches checks off."""
    if not uri.startswith("https"):
        return None
    context = ssl.create_default_context(
        cafile=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None
    )
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("1", "true"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _check_schema(uri: str) -> None:
    """Compare the schema of a SQLite file with the client's; a file that is not there is made."""
    file = database_file(uri)
    if not file.is_file():
        return
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise ServiceError(
            f"{file} is not an MLflow database: {error}.",
            remedy="move it away, or set tracking.uri; `dealcast runs sync` sends every run again",
        ) from None
    if row is not None and row[0] != (newest := _newest_schema()):
        raise ServiceError(
            f"The MLflow database {file} has schema {row[0]}; MLflow {version('mlflow')} needs "
            f"{newest}.",
            remedy=f"take a copy of it, then: mlflow db upgrade {uri}",
        )


def _newest_schema() -> str:
    from alembic.script import ScriptDirectory

    spec = find_spec("mlflow")
    if spec is None or spec.origin is None:
        raise MissingExtraError("Tracking with MLflow", extra="mlflow")
    migrations = Path(spec.origin).parent / "store" / "db_migrations"
    head = ScriptDirectory(str(migrations)).get_current_head()
    return str(head)
