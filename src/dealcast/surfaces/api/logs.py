"""One JSON object per line: what was asked, by which key, how it ended. Never what was sent."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any

from dealcast.hiding import hidden
from dealcast.settings import LoggingSettings

FIELDS = "api_fields"


class JsonLines(logging.Formatter):
    """Keys: time (UTC), level, message, and the fields that the line was given.

    Of an exception only its type and place: its message may repeat what was sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": hidden(record.getMessage()),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["exception"] = place_of(record.exc_info[1])
        return json.dumps(line)


def place_of(error: BaseException) -> str:
    """The type of an error, and the calls that led to it, latest last."""
    frames = [
        f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in extract_tb(error.__traceback__)
    ]
    return f"{type(error).__name__} at {' > '.join(frames[-5:])}"


@contextmanager
def logged(settings: LoggingSettings) -> Iterator[None]:
    """Log to standard error inside the block: our lines, and the server's own."""
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(JsonLines())
    names = ("dealcast", "uvicorn")
    for name in names:
        logger = logging.getLogger(name)
        logger.addHandler(output)
        logger.setLevel(settings.level)
        logger.propagate = False
    try:
        yield
    finally:
        for name in names:
            logging.getLogger(name).removeHandler(output)
            logging.getLogger(name).propagate = True
