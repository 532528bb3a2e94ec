"""What Prometheus is told of the API. No label has more than a handful of values."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The figures of one application."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "dealcast_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "dealcast_request_seconds",
            "Seconds from the first byte of a request to the last of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self.at_once = Gauge(
            "dealcast_requests_at_once", "Requests being answered.", registry=registry
        )
        self.scored = Counter(
            "dealcast_opportunities_scored", "Opportunities scored.", registry=registry
        )
        self.reloads = Counter(
            "dealcast_reloads", "Looks for a new champion.", ("outcome",), registry=registry
        )
        self.loaded = Gauge(
            "dealcast_model_loaded",
            "1 for the model that scores.",
            ("model_id",),
            registry=registry,
        )

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)
