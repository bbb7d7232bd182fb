from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from engine.config.settings import Settings
from engine.observability import metrics_publisher
from engine.observability.metrics_publisher import Snapshot

pytestmark = pytest.mark.stack


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with Redis.from_url(settings.redis_url) as client:
        yield client
        for key in client.scan_iter("metrics:told:*"):
            client.delete(key)


def snapshot(process: str, instance: str, count: float) -> Snapshot:
    registry = CollectorRegistry()
    Counter("tried", "Tries.", ("kind",), registry=registry).labels('a "quoted" \\ one\n').inc(
        count
    )
    Gauge("open", "Doors.", registry=registry).set(count)
    Histogram("seconds", "Times.", buckets=(1, 2), registry=registry).observe(1.5)
    return replace(Snapshot.take(process, registry), instance=instance)


def samples(text: bytes) -> dict[tuple[str, str, str], float]:
    return {
        (sample.name, sample.labels["process"], sample.labels["instance"]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.labels.get("le") in {None, "2.0"}
    }


def test_what_processes_say_is_one_page_with_each_sample_under_its_process(redis: Redis) -> None:
    first, second = snapshot("told", "a-1", 3), snapshot("told", "b-2", 4)
    metrics_publisher.publish(redis, first)
    metrics_publisher.publish(redis, second)
    others = [one for one in metrics_publisher.read_snapshots(redis) if one.process == "told"]
    assert others == [first, second]
    own = snapshot("web", "c-3", 5)
    text = metrics_publisher.render(own, others)
    assert text.count(b"# TYPE tried_total counter") == 1
    found = samples(text)
    for process, instance, count in (("told", "a-1", 3), ("told", "b-2", 4), ("web", "c-3", 5)):
        assert found["tried_total", process, instance] == count
        assert found["open", process, instance] == count
        assert found["seconds_bucket", process, instance] == 1


def test_what_a_process_says_now_stands_for_what_it_said_before(redis: Redis) -> None:
    metrics_publisher.publish(redis, snapshot("told", "d-4", 1))
    now = snapshot("told", "d-4", 2)
    found = samples(metrics_publisher.render(now, metrics_publisher.read_snapshots(redis)))
    assert found["tried_total", "told", "d-4"] == 2


def test_a_process_that_is_no_more_is_forgotten(redis: Redis) -> None:
    gone = snapshot("told", "e-5", 1)
    metrics_publisher.publish(redis, gone)
    assert 0 < redis.ttl(gone.key) <= metrics_publisher.SNAPSHOT_SECONDS
    redis.delete(gone.key)
    assert gone not in metrics_publisher.read_snapshots(redis)
    assert not redis.sismember(metrics_publisher.KEYS, gone.key)
