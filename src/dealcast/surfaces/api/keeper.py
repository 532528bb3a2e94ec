"""Keeper: holds what is loaded, looks for a new champion and new scores, and swaps at once."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from dealcast.errors import DealcastError, ServiceAwayError, ServiceError
from dealcast.surfaces.api.loaded import Loaded, load, signs_of
from dealcast.surfaces.api.logs import FIELDS
from dealcast.surfaces.api.metrics import Metrics
from dealcast.surfaces.api.scoring import warm_up
from dealcast.surfaces.api.threads import fetched
from dealcast.tracking.base import Registry
from dealcast.workflow.store import Store

logger = logging.getLogger(__name__)


class Keeper:
    """One for an application. A request takes `now` once, and so never mixes two models."""

    def __init__(self, store: Store, registry: Registry, metrics: Metrics) -> None:
        self._store, self._registry, self._metrics = store, registry, metrics
        self._loaded: Loaded | None = None
        self._error: DealcastError = ServiceAwayError(
            "The model is being loaded.", remedy="try again in a second"
        )

    def now(self) -> Loaded:
        """What is loaded. Raises the DealcastError that kept it from being, where nothing is."""
        if self._loaded is None:
            raise self._error
        return self._loaded

    def look(self) -> None:
        """Load what is new, if anything is. Where that fails, what was loaded before stays."""
        try:
            loaded = self._fresh()
        except DealcastError as error:
            self._not_loaded(error)
            return
        except Exception as error:
            # Whatever it is, the API answers on, and goes on looking.
            logger.exception("not loaded")
            self._not_loaded(
                ServiceError(
                    f"The model cannot be loaded: {type(error).__name__}.",
                    remedy="the log of the API says where; `dealcast score` tries the same",
                )
            )
            return
        if loaded is None:
            self._metrics.reloads.labels("unchanged").inc()
            return
        self._loaded = loaded
        self._metrics.reloads.labels("loaded").inc()
        self._metrics.loaded.clear()
        self._metrics.loaded.labels(loaded.signs.version.model_id).set(1)
        fields = {
            "model_id": loaded.signs.version.model_id,
            "scored_in": loaded.issued.run_id if loaded.issued else None,
        }
        logger.info("loaded", extra={FIELDS: fields})

    @contextlib.asynccontextmanager
    async def looking(self, every_seconds: float) -> AsyncIterator[None]:
        """Look now, and again and again while the block lasts."""
        await fetched(self.look)
        task = asyncio.create_task(self._look_on(every_seconds))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _look_on(self, every_seconds: float) -> None:
        while True:
            await asyncio.sleep(every_seconds)
            await fetched(self.look)

    def _not_loaded(self, error: DealcastError) -> None:
        self._error = error
        self._metrics.reloads.labels("failed").inc()
        logger.warning("not loaded: %s", error.problem)

    def _fresh(self) -> Loaded | None:
        """What is new; None where nothing is."""
        with contextlib.suppress(DealcastError):
            # A promotion in MLflow is taken over; a store that cannot be written does without.
            self._registry.refresh()
        signs = signs_of(self._store, self._registry)
        if self._loaded is not None and self._loaded.signs == signs:
            return None
        loaded = load(self._store, signs)
        warm_up(loaded)
        return loaded
