"""The public CRM data set on Kaggle: the only file that imports kagglehub.

Importing it without the extra 'kaggle' raises MissingExtraError; `open_source` does so on demand.
"""

import errno
import logging
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dealcast.errors import EXAMPLES_SHOWN, MissingExtraError, SourceError
from dealcast.hiding import remember_also
from dealcast.settings import KaggleSource as KaggleSettings
from dealcast.sources.archives import refuse_dangerous

try:
    import kagglehub
    import requests
    from kagglehub import http_resolver
    from kagglehub.config import get_kaggle_credentials
    from kagglehub.exceptions import DataCorruptionError
    from requests.adapters import HTTPAdapter

    from dealcast.sources.kaggle_failures import (
        BY_HAND,
        DAMAGED,
        EXPECTED,
        PLACES,
        SIGN_IN,
        explained,
    )
except ModuleNotFoundError as missing:
    raise MissingExtraError("The Kaggle source", extra="kaggle") from missing

logger = logging.getLogger(__name__)

OPPORTUNITIES_FILE = "sales_pipeline.csv"
# file -> what is not available without it
OPTIONAL_FILES: dict[str, str | None] = {
    "accounts.csv": "sector, revenue, employees and location",
    "products.csv": "list price and series",
    "sales_teams.csv": "manager and regional office",
    "data_dictionary.csv": None,
}

UNPACKS = "_extract_archive"  # kagglehub's own function, which has no limits
LONGEST_WAIT = 60.0  # seconds before the next try, whatever Retry-After asks
SILENCE = (10.0, 30.0)  # seconds: to connect, and between two bytes
DATASET = re.compile(r"[\w-]+/[\w-]+(/versions/\d+)?", re.ASCII)
SENDABLE = re.compile("[!-~]+")  # what an HTTP header can hold


class KaggleSource:
    """Downloads the CRM data set through kagglehub, or says why it cannot be had.

    A public data set needs no credentials unless Kaggle asks for them; where they are looked for
    is `kaggle_failures.CREDENTIAL_PLACES`. `silence`: seconds to connect, and between two bytes.
    """

    def __init__(
        self,
        settings: KaggleSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        silence: tuple[float, float] = SILENCE,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._silence = silence

    def fetch(self, into: Path) -> list[Path]:
        """The data set's CSV files, untouched, in the folder; none of them unless all are whole.

        Raises SourceError; what another try can mend is tried `source.attempts` times.
        """
        dataset = self._settings.dataset
        if not DATASET.fullmatch(dataset):
            raise SourceError(
                f"'{dataset}' does not name a Kaggle data set.",
                remedy="set source.dataset to OWNER/NAME, as in the address of its page",
            )
        try:
            with TemporaryDirectory(prefix="dealcast-kaggle-") as scratch:
                folder = self._downloaded(Path(scratch))
                copies = _copied(_export_files(folder, dataset), into)
        except OSError as error:
            raise SourceError(
                f"The files of {dataset} cannot be written: {error.strerror or 'unknown'}.",
                remedy=f"make room and check the rights of {into} and of the temporary folder",
            ) from None
        logger.info(
            "Kaggle data set %s, version %s: %d files, %d bytes",
            dataset,
            folder.name,
            len(copies),
            sum(copy.stat().st_size for copy in copies),
        )
        return copies

    def _downloaded(self, scratch: Path) -> Path:
        for attempt in range(1, self._settings.attempts + 1):
            # A fresh cache for each try: kagglehub would append to what a lost connection left.
            cache = scratch / str(attempt)
            try:
                return self._try(cache)
            except (*EXPECTED, DataCorruptionError) as error:
                failure, asked = explained(error)
            except OSError as error:
                # Damaged offsets and streams come through as these; all others are of the disk.
                if error.errno not in (None, errno.EINVAL):
                    raise
                failure, asked = DAMAGED, None
            if not failure.passing:
                break
            if attempt < self._settings.attempts:
                wait = _wait(attempt, asked)
                logger.warning("%s Next try in %.1f s.", self._text(failure.problem), wait)
                self._sleep(wait)
        tries = f" Tried {attempt} times." if attempt > 1 else ""
        raise SourceError(self._text(failure.problem) + tries, remedy=self._text(failure.remedy))

    def _try(self, cache: Path) -> Path:
        with _environment(_kaggle_environment(self._settings, cache)), _quiet():
            _refuse_broken_credentials()
            with (
                _replaced(requests.sessions, "HTTPAdapter", partial(_Adapter, self._silence)),
                _replaced(http_resolver, UNPACKS, self._unpack(getattr(http_resolver, UNPACKS))),
            ):
                return Path(kagglehub.dataset_download(self._settings.dataset))

    def _unpack(self, extract: Callable[[str, str], None]) -> Callable[[str, str], None]:
        """Unpacks as kagglehub does, after a look at the archive."""
        called = self._text("The archive of {dataset}")

        def unpack(archive: str, into: str) -> None:
            refuse_dangerous(Path(archive), called, remedy=self._text(BY_HAND))
            extract(archive, into)

        return unpack

    def _text(self, text: str) -> str:
        dataset = self._settings.dataset
        return text.format(dataset=dataset, page=f"https://www.kaggle.com/datasets/{dataset}")


class _Adapter(HTTPAdapter):
    """Bounds every silence: kagglesdk sends without a time-out, and would wait for ever."""

    def __init__(self, silence: tuple[float, float]) -> None:
        self._silence = silence
        super().__init__()

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or self._silence
        return super().send(*args, **kwargs)


def _wait(attempt: int, asked: float | None) -> float:
    if asked is not None:
        return min(asked, LONGEST_WAIT)
    spread = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load; nothing secret
    return min(2.0 ** (attempt - 1), LONGEST_WAIT) * spread


def _kaggle_environment(settings: KaggleSettings, cache: Path) -> dict[str, str | None]:
    """What kagglehub is told by its own variables, for one try; None removes one."""
    environment: dict[str, str | None] = {
        "KAGGLEHUB_CACHE": str(cache),
        # The mounts of Kaggle's and Google's notebooks have ways to fail of their own.
        "DISABLE_KAGGLE_CACHE": "true",
        "DISABLE_COLAB_CACHE": "true",
    }
    key = settings.key.get_secret_value() if settings.key else None
    if key and settings.username:
        # kagglesdk prefers any token, also one in a file of the home, to a user name with key.
        environment |= {"KAGGLE_API_TOKEN": None, "HOME": str(cache), "USERPROFILE": str(cache)}
        environment |= {"KAGGLE_USERNAME": settings.username, "KAGGLE_KEY": key}
    elif key:
        environment["KAGGLE_API_TOKEN"] = key
    elif settings.username:
        environment["KAGGLE_USERNAME"] = settings.username
    return environment


def _refuse_broken_credentials() -> None:
    """Raises SourceError for those that kagglehub cannot read or send; none at all may do."""
    try:
        found = get_kaggle_credentials()
    except (OSError, TypeError, ValueError) as error:
        # Not the exception's own text: for a token too long to be a path it holds the token.
        reason = getattr(error, "strerror", None) or "kaggle.json needs username and key, as JSON"
    else:
        words = [found.username, found.key, found.api_key] if found else []
        remember_also(word for word in words[1:] if word)
        if all(SENDABLE.fullmatch(str(word)) for word in words if word):
            return
        reason = "they hold white space or letters that no key has"
    raise SourceError(
        f"The Kaggle credentials cannot be used: {reason}. They are the first found of: {PLACES}.",
        remedy=f"mend or remove them, or {SIGN_IN}",
    )


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    _set_environment(changes)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """No output of kagglehub: progress bars, and in its TEST mode the Authorization header.

    urllib3 logs signed addresses at DEBUG.
    """
    chatty = [logging.getLogger(name) for name in ("kagglehub", "kagglesdk", "urllib3")]
    levels = [log.level for log in chatty]
    for log in chatty:
        log.setLevel(logging.CRITICAL + 1)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    finally:
        for log, level in zip(chatty, levels, strict=True):
            log.setLevel(level)


@contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _export_files(folder: Path, dataset: str) -> list[Path]:
    """The files of the export, at whatever depth the archive has them."""
    held = sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: (len(p.parts), p))
    by_name = {path.name: path for path in reversed(held)}
    if OPPORTUNITIES_FILE not in by_name:
        names = ", ".join(path.name for path in held[:EXAMPLES_SHOWN]) or "nothing"
        raise SourceError(
            f"{dataset}, version {folder.name}, has no {OPPORTUNITIES_FILE}; it holds {names}.",
            remedy="set source.dataset to one that has it, or "
            "download this one and use --source files --path FILE --mapping FILE",
        )
    for name, lost in OPTIONAL_FILES.items():
        if lost and name not in by_name:
            logger.warning("%s has no %s: %s are not available", dataset, name, lost)
    return [by_name[name] for name in (OPPORTUNITIES_FILE, *OPTIONAL_FILES) if name in by_name]


def _copied(files: list[Path], into: Path) -> list[Path]:
    into.mkdir(parents=True, exist_ok=True)
    copies = [into / file.name for file in files]
    with ExitStack() as undo:
        for file, copy in zip(files, copies, strict=True):
            undo.callback(copy.unlink, missing_ok=True)
            shutil.copyfile(file, copy)
        undo.pop_all()
    return copies
