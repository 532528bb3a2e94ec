"""What obstore and deltalake say of a store, in sentences for the user, each with a remedy."""

import re
from dataclasses import dataclass
from typing import Protocol

import obstore
from deltalake.exceptions import DeltaError

from dealcast.errors import StoreAwayError, StoreError

# What obstore, deltalake and the disk raise.
STORE_ERRORS = (DeltaError, OSError, obstore.exceptions.BaseError)
LONGEST_QUOTE = 200
BROKE_OFF = "broke off"


class _Where(Protocol):
    @property
    def root(self) -> str: ...
    @property
    def server(self) -> str: ...
    @property
    def is_local(self) -> bool: ...


@dataclass(frozen=True)
class Failure:
    """One way in which S3 fails: the words that tell it, and what to say. In order of precedence.

    `away`: the same attempt may succeed later.
    """

    marks: tuple[str, ...]
    says: str
    remedy: str
    away: bool = False


_LATER = "see that the server runs, then repeat the command: what was done is kept"

FAILURES = (
    Failure(
        ("NoSuchBucket",),
        "there is no such bucket on {server}",
        "make the bucket, correct storage.root, or set storage.create_bucket: true",
    ),
    Failure(
        ("RequestTimeTooSkewed",),
        "the clock of this machine differs from that of {server} by more than S3 accepts",
        "set the clock (NTP), then repeat the command",
    ),
    Failure(
        ("ExpiredToken", "TokenRefreshRequired"),
        "the temporary S3 keys have expired",
        "get new ones and set them, with their session token",
    ),
    Failure(
        ("InvalidAccessKeyId", "InvalidToken"),
        "{server} does not know the S3 access key",
        "correct storage.access_key_id (DEALCAST__STORAGE__ACCESS_KEY_ID or AWS_ACCESS_KEY_ID), "
        "and for a temporary key its session token",
    ),
    Failure(
        ("SignatureDoesNotMatch",),
        "{server} does not accept the signature: the S3 secret key is wrong",
        "correct storage.secret_access_key (DEALCAST__STORAGE__SECRET_ACCESS_KEY or "
        "AWS_SECRET_ACCESS_KEY)",
    ),
    Failure(
        ("169.254.169.254", "No AWS credentials", "no providers in chain", "CredentialsNotLoaded"),
        "there are no S3 keys: neither in storage.access_key_id, nor in AWS_ACCESS_KEY_ID, "
        "nor in a profile of ~/.aws, and this is no machine of AWS that has a role",
        "set DEALCAST__STORAGE__ACCESS_KEY_ID and DEALCAST__STORAGE__SECRET_ACCESS_KEY; for a "
        "profile with single sign-on or a role: `aws configure export-credentials --format env`",
    ),
    Failure(
        ("AuthorizationHeaderMalformed", "PermanentRedirect", "301 Moved"),
        "{server} answers for another region",
        "correct storage.region or storage.endpoint",
    ),
    Failure(
        ("AccessDenied", "403 Forbidden", "401 Unauthorized", "lacked the necessary privileges"),
        "the S3 key may not do this on {server}",
        "let it list, read, write and delete under {root} (and make the bucket, where it is to)",
    ),
    Failure(
        (
            "certificate",
            "InvalidCertificate",
            "CERTIFICATE_",
            "InvalidContentType",
            "WRONG_VERSION",
        ),
        "the TLS connection to {server} failed",
        "set storage.ca_file to the authority of its certificate; for a server without TLS use "
        "http:// and storage.allow_http: true",
    ),
    Failure(
        ("dns error", "failed to lookup", "Name or service not known", "nodename nor servname"),
        "no machine has the name of {server}",
        "correct storage.endpoint, or see that the network is up",
        away=True,
    ),
    Failure(
        ("Connection refused", "ConnectionRefused", "tcp connect error", "Network is unreachable"),
        "nothing answers at {server}",
        f"correct storage.endpoint, or {_LATER}",
        away=True,
    ),
    Failure(
        ("SlowDown", "503 Service", "429 Too Many"),
        "{server} is overloaded and asks to slow down",
        "repeat the command later; storage.attempts says how often it is tried",
        away=True,
    ),
    Failure(
        ("timed out", "TimedOut", "operation timed out", "deadline"),
        "{server} does not answer in time",
        f"{_LATER}; storage.timeout_seconds says how long to wait",
        away=True,
    ),
    Failure(
        ("500 Internal", "502 Bad", "504 Gateway", "InternalError"),
        "{server} has an error of its own",
        _LATER,
        away=True,
    ),
    Failure(
        (
            "error sending request",
            "connection closed",
            "Connection reset",
            "ConnectionReset",
            "IncompleteMessage",
            "error decoding response body",
            "request or response body error",
            "end of file before message length",
            "unexpected end of file",
            "Remote end closed",
            "Broken pipe",
            "urlopen error",
        ),
        f"the connection to {{server}} {BROKE_OFF}",
        _LATER,
        away=True,
    ),
)


def translated(
    error: BaseException, doing: str, where: _Where, *, remedy: str | None = None
) -> StoreError:
    """The error a user is to see: "DOING: what failed". `remedy` is for failures of a disk."""
    known = None if where.is_local else _failure(str(error))
    if known is not None:
        kind = StoreAwayError if known.away else StoreError
        says, then = (
            text.replace("{server}", where.server).replace("{root}", where.root)
            for text in (known.says, known.remedy)
        )
        return kind(f"{doing}: {says}.", remedy=then)
    return StoreError(f"{doing}: {first_line(error)}", remedy=remedy or _remedy(error, where))


def _remedy(error: BaseException, where: _Where) -> str:
    if not where.is_local:
        return "see what the S3 server logged"
    if "Permission denied" in str(error):
        return f"let this user read '{where.root}', or give another store with --root"
    return "see that the disk has room"


def names_missing_bucket(error: BaseException) -> bool:
    """Whether an object was not found because its bucket is not there."""
    return "NoSuchBucket" in str(error)


def first_line(error: BaseException) -> str:
    """What a library says, without its inner workings: one line, at most 200 characters."""
    plain = re.sub(r"\x1b\[[0-9;]*m|↳", "", str(error)).split("Debug source")[0].split("<?xml")[0]
    said = " ".join(plain.split()) or type(error).__name__
    return said if len(said) <= LONGEST_QUOTE else said[: LONGEST_QUOTE - 1] + "…"


def _failure(text: str) -> Failure | None:
    return next((f for f in FAILURES if any(mark in text for mark in f.marks)), None)
