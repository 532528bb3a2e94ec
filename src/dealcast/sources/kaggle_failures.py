"""Why Kaggle's data set cannot be had: every failure, what to do next, and whether to try again.

No text comes from an exception or from the server: those can hold the key or a signed address.
"""

import gzip
import lzma
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import cast

import requests
from requests import exceptions as network

# Before Python 3.11.4 tarfile knows no filter: kagglehub asks for one, so no tar is unpacked.
CLIMBS_OUT: type[Exception] = getattr(tarfile, "FilterError", TypeError)

# In the order in which they are taken; all but the first are kagglehub's.
CREDENTIAL_PLACES = (
    "settings source.key (with source.username for a legacy key)",
    "environment KAGGLE_API_TOKEN",
    "~/.kaggle/access_token",
    "environment KAGGLE_USERNAME and KAGGLE_KEY",
    "kaggle.json in KAGGLE_CONFIG_DIR or ~/.kaggle",
)
PLACES = "; ".join(CREDENTIAL_PLACES)
SIGN_IN = (
    "create a token at https://www.kaggle.com/settings/api and set KAGGLE_API_TOKEN to it, "
    "or write it to ~/.kaggle/access_token"
)
BY_HAND = "download it in a browser from {page} and use --source files --path FOLDER"
NETWORK = f"check the network and the proxy (HTTPS_PROXY), or {BY_HAND}"


@dataclass(frozen=True)
class Failure:
    """Why a try failed; the texts may name {dataset} and its {page}."""

    problem: str
    remedy: str
    passing: bool = False  # another try can help


NO_CREDENTIALS = Failure(
    f"Kaggle wants credentials for {{dataset}}, and none were found. Searched: {PLACES}.",
    f"{SIGN_IN}; or set source.dataset right, if there is no {{page}}",
)
SERVER_FAILS = Failure(
    "Kaggle's server fails to answer for {dataset}.", f"try again later, or {BY_HAND}", passing=True
)
UNREACHABLE = Failure("Kaggle's server cannot be addressed.", NETWORK)
REFUSED = Failure("Kaggle refuses the request for {dataset}.", BY_HAND)
DAMAGED = Failure(
    "What came for {dataset} is not a whole archive: damaged, cut short, or the page of a proxy.",
    f"run again; if it stays so, {BY_HAND}",
    passing=True,
)

STATUSES: dict[int, Failure] = {
    401: Failure(
        f"Kaggle does not accept the credentials, which are the first found of: {PLACES}.", SIGN_IN
    ),
    403: Failure(
        "Kaggle forbids these credentials to download {dataset}: its terms are not accepted, "
        "it is private, or the name is wrong.",
        "open {page} signed in as the owner of the credentials, accept the terms, and run again",
    ),
    404: Failure(
        "Kaggle has no data set {dataset}.",
        "set source.dataset to OWNER/NAME, as in the address of its page; there is no {page}",
    ),
    408: SERVER_FAILS,
    429: Failure(
        "Kaggle limits the rate of requests.", f"try again later, or {BY_HAND}", passing=True
    ),
}

# The first row that fits decides: some of these are parents of others above them.
FAILURES: tuple[tuple[tuple[type[Exception], ...], Failure], ...] = (
    (
        (network.SSLError,),
        Failure(
            "No connection to Kaggle's server can be trusted (TLS).",
            f"set REQUESTS_CA_BUNDLE to your organisation's certificates, or {BY_HAND}",
        ),
    ),
    (
        (network.Timeout,),
        Failure("Kaggle did not answer in time.", NETWORK, passing=True),
    ),
    (
        (network.ConnectionError, network.ChunkedEncodingError, network.ContentDecodingError),
        Failure(
            "The connection to Kaggle cannot be made, or was lost while {dataset} came in.",
            NETWORK,
            passing=True,
        ),
    ),
    (
        (
            network.InvalidURL,
            network.InvalidSchema,
            network.MissingSchema,
            network.TooManyRedirects,
        ),
        UNREACHABLE,
    ),
    (
        (CLIMBS_OUT,),
        Failure("The archive of {dataset} holds files outside of its folder: refused.", BY_HAND),
    ),
    (
        (
            EOFError,
            RuntimeError,  # a damaged header names a password or an unknown compression
            ValueError,
            gzip.BadGzipFile,
            lzma.LZMAError,
            tarfile.TarError,
            zipfile.BadZipFile,
            zlib.error,
        ),
        DAMAGED,
    ),
    ((network.RequestException,), UNREACHABLE),
)
EXPECTED: tuple[type[Exception], ...] = (
    requests.HTTPError,
    *(kind for kinds, _ in FAILURES for kind in kinds),
)


def explained(error: Exception) -> tuple[Failure, float | None]:
    """The failure behind an exception, and the time (seconds) that the server asks to wait."""
    if isinstance(error, requests.HTTPError):
        response = cast(requests.Response, error.response)  # kagglehub always attaches it
        return _answered(response), asked_to_wait(response.headers.get("Retry-After", ""))
    fitting = (failure for kinds, failure in FAILURES if isinstance(error, kinds))
    return next(fitting, DAMAGED), None


def asked_to_wait(retry_after: str) -> float | None:
    """Seconds from now, of a Retry-After header: a number or a date; None where it is neither.

    >>> asked_to_wait("7")
    7.0
    >>> asked_to_wait("Mon, 06 Mar 2017 09:00:00 GMT")  # gone by
    0.0
    """
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _answered(response: requests.Response) -> Failure:
    status = response.status_code
    if status < HTTPStatus.BAD_REQUEST:
        # kagglesdk also raises for a 200 whose JSON has an error code.
        status = int(response.json()["code"])
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        # Storage, to which Kaggle redirects, is rightly not sent the credentials.
        first = response.history[0] if response.history else response
        if "Authorization" not in first.request.headers:
            return NO_CREDENTIALS
    fails = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return STATUSES.get(status, SERVER_FAILS if fails else REFUSED)
