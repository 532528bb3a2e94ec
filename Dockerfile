# Dealcast and its clients, for production: the command line, and (in compose.yaml) the MLflow
# server, the Prefect server and its worker, so that clients and servers are of one version.
# Tags name exact versions. Pin the digests too where your registry is at hand:
#   docker buildx imagetools inspect python:3.11.14-slim-bookworm
FROM python:3.11.14-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/dealcast
# What changes seldom comes first: this layer is made anew only when the lock changes.
COPY requirements/production.txt requirements/production.txt
RUN /opt/dealcast/bin/pip install --quiet --require-hashes --requirement requirements/production.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
# The lock holds the build's own tools, so nothing is fetched without a hash.
RUN /opt/dealcast/bin/pip install --quiet --no-deps --no-build-isolation . \
    && /opt/dealcast/bin/python -c "import dealcast"

FROM python:3.11.14-slim-bookworm

LABEL org.opencontainers.image.title="dealcast" \
      org.opencontainers.image.description="CRM opportunity exports in; win probabilities out" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
# LightGBM (extra boosting) needs the OpenMP runtime.
RUN apt-get update --quiet \
    && apt-get install --quiet --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 dealcast \
    && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin dealcast \
    && install --directory --owner dealcast --group dealcast /app /app/data
COPY --from=build /opt/dealcast /opt/dealcast
COPY config /app/config
ENV PATH=/opt/dealcast/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DEALCAST_IN_CONTAINER=1 \
    DO_NOT_TRACK=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    PREFECT_SERVER_ANALYTICS_ENABLED=false
WORKDIR /app
USER 10001:10001
# A command comes and goes; what stays (servers, worker) has its health check in compose.yaml.
HEALTHCHECK NONE
ENTRYPOINT ["dealcast"]
CMD ["--help"]
