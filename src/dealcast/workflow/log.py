"""Logging of a run: its id and the step on every line, for people or as JSON, with a copy kept."""

import contextlib
import io
import json
import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime

from dealcast.hiding import hidden
from dealcast.settings import LoggingSettings

_run_id: ContextVar[str] = ContextVar("run_id", default="-")
_step: ContextVar[str] = ContextVar("step", default="-")


class _Context(logging.Filter):
    """Puts the run id and the step on a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.run_id = _run_id.get()
        record.step = _step.get()
        return True


class _Json(logging.Formatter):
    """One JSON object per line; keys: time (UTC), level, run_id, step, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "run_id": getattr(record, "run_id", "-"),
            "step": getattr(record, "step", "-"),
            "logger": record.name,
            "message": hidden(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = hidden(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class _Human(logging.Formatter):
    """A line of text, and below it the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        return hidden(super().format(record))


_HUMAN = _Human("%(asctime)s %(run_id)s %(step)-8s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")


@contextlib.contextmanager
def logged_run(
    run_id: str, settings: LoggingSettings, *, quiet: bool = False
) -> Iterator[io.StringIO]:
    """Log to standard error (unless quiet) and into the buffer that is yielded."""
    kept = io.StringIO()
    logger = logging.getLogger("dealcast")
    formatter = _Json() if settings.format == "json" else _HUMAN
    outputs: list[logging.Handler] = [logging.StreamHandler(kept)]
    if not quiet:
        outputs.append(logging.StreamHandler(sys.stderr))
        # The command line says itself why a run failed.
        outputs[-1].addFilter(lambda record: not getattr(record, "kept_only", False))
    before = logger.level, logger.propagate
    for output in outputs:
        output.setFormatter(formatter)
        output.addFilter(_Context())
        logger.addHandler(output)
    logger.setLevel(settings.level)
    logger.propagate = False
    token = _run_id.set(run_id)
    try:
        yield kept
    finally:
        _run_id.reset(token)
        logger.level, logger.propagate = before
        for output in outputs:
            logger.removeHandler(output)


@contextlib.contextmanager
def logged_step(name: str) -> Iterator[None]:
    """Name the step on every line logged inside."""
    token = _step.set(name)
    try:
        yield
    finally:
        _step.reset(token)
