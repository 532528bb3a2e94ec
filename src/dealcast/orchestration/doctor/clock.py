"""Does the clock of this machine agree with that of the servers?"""

import contextlib
import http.client
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from dealcast.errors import SettingsError, StoreError
from dealcast.orchestration.doctor.spec import Finding, Setup, failed, not_applicable, ok, warning
from dealcast.workflow.location import locate
from dealcast.workflow.s3 import Bucket

# Three servers at most are asked in turn, within the time of one probe.
ASKED_SECONDS = 2
WARNS_FROM_SECONDS = 60
S3_REFUSES_FROM_SECONDS = 15 * 60
REMEDY = "set the clock: switch on time synchronisation (NTP) on this machine"


def clock(setup: Setup) -> Finding:
    """The difference to the first server that tells its time; S3 refuses more than 15 minutes."""
    servers = list(_servers(setup))
    if not servers:
        return not_applicable("No server is configured whose clock could be compared.")
    for url, ca_file in servers:
        told = server_time(url, ca_file)
        if told is not None:
            return judged(told, datetime.now(UTC), url)
    urls = ", ".join(url for url, _ in servers)
    return not_applicable(f"No server told its time: {urls}.")


def judged(theirs: datetime, ours: datetime, url: str) -> Finding:
    """The finding for two times of the same moment."""
    # A header counts whole seconds.
    seconds = max(0.0, abs((ours - theirs).total_seconds()) - 1)
    way = "behind" if ours < theirs else "ahead of"
    if seconds >= S3_REFUSES_FROM_SECONDS:
        return failed(
            f"This clock is {seconds / 60:,.0f} minutes {way} that of {url}; S3 refuses requests "
            "from 15 minutes on.",
            REMEDY,
        )
    if seconds >= WARNS_FROM_SECONDS:
        return warning(f"This clock is {seconds:,.0f} s {way} that of {url}.", REMEDY)
    return ok(f"This clock agrees with that of {url} (within {seconds + 1:.0f} s).")


def server_time(url: str, ca_file: str | None) -> datetime | None:
    """The time in the header of a server's answer, whatever else it answers; None without."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "https":
            tls = ssl.create_default_context(cafile=ca_file)
            asked: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.netloc, timeout=ASKED_SECONDS, context=tls
            )
        else:
            asked = http.client.HTTPConnection(parts.netloc, timeout=ASKED_SECONDS)
        with contextlib.closing(asked):
            asked.request("HEAD", "/")
            header = asked.getresponse().getheader("Date")
        return None if header is None else parsedate_to_datetime(header).astimezone(UTC)
    except (OSError, http.client.HTTPException, ValueError):
        return None  # the line of that server tells why


def _servers(setup: Setup) -> Iterator[tuple[str, str | None]]:
    """URL and authority of each server that the settings name, S3 first."""
    settings = setup.settings
    with contextlib.suppress(StoreError, SettingsError):
        place = locate(settings.storage, setup.environment)
        if isinstance(place, Bucket):
            aws = f"https://s3.{place.region}.amazonaws.com"
            yield place.endpoint or aws, settings.storage.ca_file
    if settings.tracking.kind == "mlflow" and settings.tracking.uri.startswith("http"):
        yield _bare(settings.tracking.uri), None
    prefect = settings.orchestration.api_url or setup.environment.get("PREFECT_API_URL")
    if settings.orchestration.kind == "prefect" and prefect:
        yield _bare(prefect), None


def _bare(url: str) -> str:
    """Scheme, host and port, without a user and a password.

    >>> _bare("http://me:secret@host:4200/api")
    'http://host:4200'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
