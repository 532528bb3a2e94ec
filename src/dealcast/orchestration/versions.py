"""Is a Prefect server there, and do its version and ours go together? Asked before any work."""

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dealcast.errors import MissingExtraError, ServiceAwayError, ServiceError
from dealcast.settings import OrchestrationSettings

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 5.0
BETWEEN_TRIES_SECONDS = 1.0
REFUSED = (401, 403)
OVERLOADED = (429, 500, 502, 503, 504)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Tested:
    """The versions of a package that are tested: from `at_least` up to, not including, `below`."""

    package: str
    at_least: str
    below: str
    because: str

    def includes(self, found: str) -> bool:
        """Whether a version, such as 3.9.1, is one of them."""
        return _numbers(self.at_least) <= _numbers(found) < _numbers(self.below)

    @property
    def requirement(self) -> str:
        """As an installer reads it."""
        return f"{self.package}>={self.at_least},<{self.below}"


# Client and server both. A server refuses only another major version by itself.
PREFECT = Tested("prefect", "3.9", "3.10", "flows and servers of another version are not tested")
TESTED = (
    PREFECT,
    Tested("sqlalchemy", "2.0", "2.1", "with 2.1 a server never creates scheduled runs"),
    Tested("fastapi", "0.139", "0.151", "with 0.151 a server refuses deployments"),
)


@dataclass(frozen=True)
class Server:
    """A Prefect server that answers, and its version."""

    api_url: str
    version: str


def prepare() -> None:
    """Call before the first import of Prefect: it must be installed, and is not to tell tales.

    Raises MissingExtraError.
    """
    installed_versions()
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")


def installed_versions() -> dict[str, str]:
    """Version by package of those in TESTED. Raises MissingExtraError where one is missing."""
    try:
        return {t.package: version(t.package) for t in TESTED}
    except PackageNotFoundError:
        raise MissingExtraError("Running as a Prefect flow", extra="prefect") from None


def api_url(settings: OrchestrationSettings) -> str:
    """Address of the server's API. Raises ServiceError where nobody said it."""
    url = settings.api_url or os.environ.get("PREFECT_API_URL")
    if not url:
        raise ServiceError(
            "orchestration.kind is 'prefect', and no server is named: neither "
            "orchestration.api_url nor PREFECT_API_URL is set.",
            remedy="`dealcast stack up` starts one at http://127.0.0.1:4200/api, or "
            "--set orchestration.kind=local to run without",
        )
    return url.rstrip("/")


def reach(
    settings: OrchestrationSettings,
    say: Say = lambda _text: None,
    *,
    installed: Mapping[str, str] | None = None,
) -> Server:
    """The server, once it answers and its version fits; waits as long as the settings say.

    Raises ServiceError where versions do not fit or something else answers, ServiceAwayError where
    nothing does. `say` is told once that it waits.
    """
    installed = installed or installed_versions()
    url = api_url(settings)
    refuse_untested(installed, besides=PREFECT.package)
    end = time.monotonic() + settings.wait_for_server_seconds
    told = False
    while True:
        try:
            found = server_version(url, settings)
            break
        except ServiceAwayError as error:
            if time.monotonic() + BETWEEN_TRIES_SECONDS > end:
                raise
            if not told:
                say(f"{error.problem} Waiting up to {settings.wait_for_server_seconds:g} s for it.")
                told = True
            time.sleep(BETWEEN_TRIES_SECONDS)
    refuse_mismatch(url, server=found, client=installed[PREFECT.package])
    return Server(url, found)


def refuse_untested(installed: Mapping[str, str], *, besides: str = "") -> None:
    """Raises ServiceError for the first package whose version is outside of the tested range."""
    for tested in TESTED:
        found = installed[tested.package]
        if tested.package != besides and not tested.includes(found):
            raise ServiceError(
                f"{tested.package} {found} is installed, and Dealcast's Prefect flows are tested "
                f"with {tested.at_least} up to, not including, {tested.below}: {tested.because}.",
                remedy=f"uv pip install '{tested.requirement}'",
            )


def refuse_mismatch(url: str, *, server: str, client: str) -> None:
    """Raises ServiceError, naming both versions, where client or server is not a tested one."""
    if PREFECT.includes(server) and PREFECT.includes(client):
        return
    both = (
        f"The Prefect server at {url} has version {server}, the client here has {client}; tested "
        f"together are {PREFECT.at_least} up to, not including, {PREFECT.below}."
    )
    if PREFECT.includes(client):
        raise ServiceError(
            both,
            remedy=f"where the server runs: uv pip install 'prefect=={client}' 'sqlalchemy<2.1', "
            "and start it again; or --set orchestration.kind=local to run without it",
        )
    fitting = f"prefect=={server}" if PREFECT.includes(server) else PREFECT.requirement
    where = "here" if PREFECT.includes(server) else "here and where the server runs"
    raise ServiceError(both, remedy=f"{where}: uv pip install '{fitting}'")


def server_version(url: str, settings: OrchestrationSettings) -> str:
    """The version that the server says it has, asked once.

    Raises ServiceAwayError where nothing answers, ServiceError for a refused key or another server.
    """
    _refuse_wrong_url(url)
    health = ask(url, "/health", settings)
    if not (health.status_code == 200 and health.text.strip() == "true"):  # noqa: PLR2004 - HTTP
        raise _something_else(url)
    answer = ask(url, "/admin/version", settings)
    found = _text(answer)
    if answer.status_code != 200 or found is None:  # noqa: PLR2004 - HTTP
        raise _something_else(url)
    return found


def credentials(settings: OrchestrationSettings) -> dict[str, str]:
    """What a client needs to be let in, as Prefect's own settings; empty where no key is set."""
    if settings.api_key is None:
        names = ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
        return {n: v for n in names if (v := os.environ.get(n))}
    key = settings.api_key.get_secret_value()
    # A server of one's own asks for USER:PASSWORD, the vendor's for a token without a colon.
    return {"PREFECT_API_AUTH_STRING" if ":" in key else "PREFECT_API_KEY": key}


def ask(
    url: str, path: str, settings: OrchestrationSettings, content: object = None
) -> "httpx.Response":
    """What the server answers to a GET, or to a POST of JSON, with our key; not loading Prefect.

    Raises ServiceAwayError where it does not in time, ServiceError where it refuses the key.
    """
    import httpx

    limits = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    verb = "GET" if content is None else "POST"
    signed = _signed(credentials(settings))
    try:
        answer = httpx.request(verb, f"{url}{path}", json=content, timeout=limits, **signed)
    except httpx.TimeoutException:
        raise _away(url, f"does not answer within {ANSWER_SECONDS:g} s") from None
    except httpx.HTTPError as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise _away(url, f"cannot be reached ({said})") from None
    if answer.status_code in REFUSED:
        raise ServiceError(
            f"The Prefect server at {url} refuses {_which_key(settings)} ({answer.status_code}).",
            remedy="set the right one as DEALCAST__ORCHESTRATION__API_KEY: USER:PASSWORD of the "
            "server's PREFECT_SERVER_API_AUTH_STRING, or a token",
        )
    if answer.status_code in OVERLOADED:
        raise _away(url, f"is not ready (it answers {answer.status_code})")
    return answer


def _signed(keys: Mapping[str, str]) -> dict[str, Any]:
    if basic := keys.get("PREFECT_API_AUTH_STRING"):
        user, _, password = basic.partition(":")
        return {"auth": (user, password)}
    if token := keys.get("PREFECT_API_KEY"):
        return {"headers": {"Authorization": f"Bearer {token}"}}
    return {}


def _which_key(settings: OrchestrationSettings) -> str:
    if settings.api_key is not None:
        return "the key in orchestration.api_key"
    found = ", ".join(credentials(settings))
    return f"the key in {found}" if found else "to answer without a key, and none is set"


def _away(url: str, how: str) -> ServiceAwayError:
    return ServiceAwayError(
        f"The Prefect server at {url} {how}.",
        remedy="`dealcast stack up` starts one on this machine; check orchestration.api_url; or "
        "--set orchestration.kind=local to run without",
    )


def _something_else(url: str) -> ServiceError:
    hint = "" if url.endswith("/api") else f"; its address usually ends in /api: {url}/api"
    return ServiceError(
        f"Something answers at {url}, and it is not the API of a Prefect server.",
        remedy=f"set orchestration.api_url to the API of the server{hint}",
    )


def _refuse_wrong_url(url: str) -> None:
    if "@" in urlsplit(url).netloc:
        raise ServiceError(
            "The address of the Prefect server holds a user or a password, and would be shown.",
            remedy="leave them out of PREFECT_API_URL; set DEALCAST__ORCHESTRATION__API_KEY",
        )
    if not re.match(r"https?://[^/]+", url):
        raise ServiceError(
            f"'{url}' is not the address of a Prefect server.",
            remedy="set orchestration.api_url to one such as http://127.0.0.1:4200/api",
        )


def _text(answer: "httpx.Response") -> str | None:
    try:
        content = answer.json()
    except ValueError:
        return None
    return content if isinstance(content, str) and re.match(r"\d+\.\d+", content) else None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", text.partition("+")[0])[:3])
