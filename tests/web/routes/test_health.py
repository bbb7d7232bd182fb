"""Warnings of `/health/ready`."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, Gauge
from redis import Redis

from engine.config.settings import Settings
from engine.observability import metrics_publisher
from engine.observability.metrics_publisher import KEYS, Snapshot


@pytest.fixture
def _lacking_host(settings: Settings) -> Iterator[None]:
    """A worker that published what its host lacks."""
    registry = CollectorRegistry()
    missing = Gauge("cloudapi_confinement_missing", "Means.", ("kind",), registry=registry)
    missing.labels("landlock").set(1)
    missing.labels("seccomp").set(0)
    snapshot = Snapshot.take("temporal", registry)
    with Redis.from_url(settings.redis_url) as redis:
        metrics_publisher.publish(redis, snapshot)
        yield
        redis.delete(snapshot.key)
        redis.srem(KEYS, snapshot.key)


@pytest.mark.stack
@pytest.mark.usefixtures("_lacking_host")
def test_a_host_that_cannot_confine_children_is_a_warning(client: FlaskClient) -> None:
    warnings = client.get("/health/ready").get_json()["warnings"]
    assert "confinement_lacks_landlock" in warnings
