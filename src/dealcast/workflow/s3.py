"""Bucket: a place on an S3 server, and how obstore and deltalake reach it."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import obstore
from obstore.store import S3Store

from dealcast.errors import StoreError
from dealcast.settings import StorageSettings
from dealcast.workflow.aws import Keys, aws_keys, aws_profile
from dealcast.workflow.store_errors import STORE_ERRORS, names_missing_bucket, translated

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

CONNECT_SECONDS = 5
LONGEST_PAUSE_SECONDS = 3
SIGNED_FOR = timedelta(minutes=5)
# An object that is never written: asking for it tells a missing bucket from an empty one.
PROBE = "_dealcast_probe"


@dataclass(frozen=True)
class Bucket:
    """s3://BUCKET/PREFIX on an S3 server."""

    root: str
    why: str
    storage: StorageSettings = field(repr=False)
    endpoint: str | None
    region: str
    keys: Keys | None = field(repr=False)
    _present: set[str] = field(default_factory=set, repr=False, compare=False)

    is_local = False

    @classmethod
    def of(
        cls, storage: StorageSettings, root: str, why: str, environment: Mapping[str, str]
    ) -> "Bucket":
        """The place, with what the settings leave open taken from the usual AWS places."""
        root = root.rstrip("/")
        if not root.removeprefix("s3://").split("/")[0]:
            raise StoreError(
                f"'{root}' names no bucket.", remedy="give s3://BUCKET/PREFIX with --root"
            )
        profile = aws_profile(environment)
        endpoint = (
            storage.endpoint
            or environment.get("AWS_ENDPOINT_URL_S3")
            or environment.get("AWS_ENDPOINT_URL")
            or profile.get("endpoint_url")
        )
        region = (
            storage.region
            or environment.get("AWS_REGION")
            or environment.get("AWS_DEFAULT_REGION")
            or profile.get("region")
            or "us-east-1"
        )
        if endpoint:
            _refuse_unusable(endpoint, allow_http=storage.allow_http)
        return cls(root, why, storage, endpoint, region, aws_keys(storage, environment, profile))

    @property
    def name(self) -> str:
        """The bucket's own name."""
        return self.root.removeprefix("s3://").split("/")[0]

    @property
    def prefix(self) -> str:
        """Where in the bucket the store is; empty at its top."""
        return self.root.removeprefix("s3://").removeprefix(self.name).strip("/")

    @property
    def attempts(self) -> int:
        """Tries of a request or a commit before giving up."""
        return self.storage.attempts

    @property
    def server(self) -> str:
        """The server's URL, for error messages."""
        return self.endpoint or f"AWS in {self.region}"

    @cached_property
    def table_options(self) -> dict[str, str]:
        """What deltalake needs to reach it; safe for several writers by conditional puts."""
        options = {
            "aws_region": self.region,
            "aws_conditional_put": "etag",
            "aws_allow_http": str(self.storage.allow_http).lower(),
            "aws_virtual_hosted_style_request": str(not self.storage.path_style).lower(),
            "max_retries": str(self.storage.attempts - 1),
            "retry_timeout": f"{round(self._longest * 1000)}ms",
            "backoff_config.max_backoff": f"{LONGEST_PAUSE_SECONDS}s",
            "timeout": f"{round(self.storage.timeout_seconds * 1000)}ms",
            "connect_timeout": f"{round(self._connect * 1000)}ms",
        }
        if self._host:
            options["aws_endpoint"] = self._host
        if self.storage.ca_file:
            options["certificate_path"] = self.storage.ca_file
        if self.keys:
            options["aws_access_key_id"] = self.keys.access_key_id
            options["aws_secret_access_key"] = self.keys.secret_access_key
            # Empty rather than left out: a token of the environment goes with other keys.
            options["aws_session_token"] = self.keys.session_token or ""
        return options

    def place(self, key: str) -> str:
        """The URL of an object or a table."""
        return f"{self.root}/{key}"

    def is_there(self) -> bool:
        """Whether the bucket exists. Raises StoreError where it does not and may not be made."""
        # A bucket that is missing now may be made by another process: only its presence is kept.
        if self.name not in self._present and self._exists():
            self._present.add(self.name)
        return self.name in self._present

    def make(self, key: str = "") -> None:  # noqa: ARG002 - S3 has no folders
        """Make the bucket where it is missing and allowed."""
        if not self.is_there():
            self._create()

    def objects(self) -> S3Store:
        """The objects under the prefix."""
        return self._objects

    @cached_property
    def _objects(self) -> S3Store:
        return self._store(self.prefix or None)

    def _exists(self) -> bool:
        try:
            obstore.get(self._objects, PROBE)
        except FileNotFoundError as error:
            if not names_missing_bucket(error):
                return True
            if self.storage.create_bucket:
                return False
            raise translated(error, f"'{self.root}' cannot be used", self) from error
        except STORE_ERRORS as error:
            raise translated(error, f"'{self.root}' cannot be used", self) from error
        return True

    def _create(self) -> None:
        # Neither obstore nor deltalake can make a bucket, but obstore signs any request, with
        # whatever credentials it uses itself: a plain PUT of the bucket then needs no boto3.
        url = obstore.sign(self._store(None), "PUT", "", SIGNED_FOR)
        where = "" if self.region == "us-east-1" else _location_constraint(self.region)
        request = urllib.request.Request(url, data=where.encode(), method="PUT")  # noqa: S310 - http(s), see _refuse_unusable
        try:
            with urllib.request.urlopen(  # noqa: S310 - as above
                request, timeout=self.storage.timeout_seconds, context=self._tls
            ):
                return
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.reason} {error.read().decode(errors='replace')}"
            # Somebody else was quicker: it is there, which is what was wanted.
            if "BucketAlreadyOwnedByYou" in answer:
                return
            raise translated(
                OSError(answer), f"Bucket '{self.name}' cannot be made", self
            ) from error
        except OSError as error:
            raise translated(error, f"Bucket '{self.name}' cannot be made", self) from error

    @property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.storage.ca_file)

    @property
    def _connect(self) -> float:
        return min(CONNECT_SECONDS, self.storage.timeout_seconds)

    @property
    def _longest(self) -> float:
        """Seconds after which a request is not tried again: a wrong endpoint is told in time."""
        return self.storage.timeout_seconds

    @property
    def _host(self) -> str | None:
        """The endpoint; with the bucket before it where the bucket is part of the host name."""
        if self.endpoint is None or self.storage.path_style:
            return self.endpoint
        parts = urlsplit(self.endpoint)
        return urlunsplit(parts._replace(netloc=f"{self.name}.{parts.netloc}"))

    def _store(self, prefix: str | None) -> S3Store:
        more: dict[str, Any] = {"endpoint": self._host} if self._host else {}
        if self.keys:
            # Given this way, a token of the environment does not mix with keys of the settings.
            given = {
                "access_key_id": self.keys.access_key_id,
                "secret_access_key": self.keys.secret_access_key,
                "token": self.keys.session_token,
                "expires_at": None,
            }
            more["credential_provider"] = lambda: given
        return S3Store(
            self.name,
            prefix=prefix,
            region=self.region,
            virtual_hosted_style_request=not self.storage.path_style,
            client_options=self._client,
            retry_config=self._retries,
            **more,
        )

    @property
    def _client(self) -> "ClientConfig":
        options: ClientConfig = {
            "allow_http": self.storage.allow_http,
            "timeout": timedelta(seconds=self.storage.timeout_seconds),
            "connect_timeout": timedelta(seconds=self._connect),
        }
        if self.storage.ca_file:
            options["root_certificate"] = _authority(self.storage.ca_file)
        return options

    @property
    def _retries(self) -> "RetryConfig":
        return {
            "max_retries": self.storage.attempts - 1,
            "retry_timeout": timedelta(seconds=self._longest),
            "backoff": {"max_backoff": timedelta(seconds=LONGEST_PAUSE_SECONDS)},
        }


def _refuse_unusable(endpoint: str, *, allow_http: bool) -> None:
    parts = urlsplit(endpoint)
    if "@" in parts.netloc:
        raise StoreError(
            "The S3 endpoint holds a user or a password, and would be shown.",
            remedy="leave them out of AWS_ENDPOINT_URL; set the two S3 keys",
        )
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise StoreError(
            f"The S3 endpoint '{endpoint}' is no URL.",
            remedy="set storage.endpoint to such as https://s3.example.com:9000",
        )
    if parts.scheme == "http" and not allow_http:
        raise StoreError(
            f"The S3 endpoint '{endpoint}' is without TLS, which is not allowed.",
            remedy="use https://, or set storage.allow_http: true where the network is trusted",
        )


def _authority(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            f"The certificate file '{file}' cannot be read.",
            remedy="correct storage.ca_file: the PEM file of the authority",
        ) from error


def _location_constraint(region: str) -> str:
    return (
        '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
    )
