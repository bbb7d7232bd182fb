"""The dashboard, the alerts and the pages name what there is, and all that there is has a page."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics import MetricWrapperBase
from ruamel.yaml import YAML

from engine.observability import metrics

pytestmark = pytest.mark.unit


ROOT = Path(__file__).parent.parent.parent
DASHBOARD = json.loads((ROOT / "docs/operations/dashboard.json").read_text())
ALERTS = [
    rule
    for group in YAML(typ="safe").load(ROOT / "docs/operations/alerts.yaml")["groups"]
    for rule in group["rules"]
]
RUNBOOKS = (ROOT / "docs/operations/runbooks.md").read_text()
WATCHING = (ROOT / "docs/operations/monitoring.md").read_text()
QUERIES = [
    (f"{panel['title']} {target['refId']}", target["expr"])
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
] + [(rule["alert"], rule["expr"]) for rule in ALERTS]
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
# Parts of a query without names of metrics: strings, ranges, labels of matchers and groupings.
ASIDE = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring)\s*\([^)]*\)')
NAME = re.compile(r"[a-zA-Z_:][\w:]*(?!\w*\s*\()")
WORDS = {"and", "or", "unless", "bool", "offset"}
OF_ALL = {"process", "instance", "job"}


def instruments() -> Iterator[MetricWrapperBase]:
    yield from (found for found in vars(metrics).values() if isinstance(found, MetricWrapperBase))


@cache
def names() -> dict[str, set[str]]:
    """Every name that an exposition can have, with its labels."""
    labels_by_name = {}
    for one in instruments():
        for suffix in SUFFIXES[str(one._type)]:  # noqa: SLF001 - it has no other way to say it
            labels = {*one._labelnames, *({"le"} if suffix == "_bucket" else set())}  # noqa: SLF001 - same
            labels_by_name[one._name + suffix] = labels  # noqa: SLF001 - same
    alone = CollectorRegistry()
    for collector in (metrics.POOLS, ProcessCollector(registry=alone)):
        for family in collector.collect():
            labels_by_name |= {sample.name: set(sample.labels) for sample in family.samples}
    return labels_by_name


def names_in(query: str) -> set[str]:
    return set(NAME.findall(ASIDE.sub(" ", query))) - WORDS


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=[where for where, _ in QUERIES])
def test_a_query_names_metrics_and_labels_that_exist(where: str, query: str) -> None:
    assert names_in(query), where
    assert names_in(query) <= set(names())
    labels = OF_ALL.union(*(names()[name] for name in names_in(query)))
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", query):
        matcher_labels = set(
            re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', "", matchers))
        )
        assert matcher_labels
        assert matcher_labels <= names()[name] | OF_ALL, name
    for grouping in re.findall(r"\bby\s*\(([^)]*)\)", query):
        assert {label.strip() for label in grouping.split(",")} <= labels


def test_a_query_that_names_something_else_is_found_out() -> None:
    rate = 'sum by (le) (rate(cloudapi_nothing_total{a="cloudapi_threads"}[5m]))'
    query = f"{rate} / cloudapi_threads > 1 and up"
    assert names_in(query) == {"cloudapi_nothing_total", "cloudapi_threads", "up"}


def test_every_instrument_is_on_the_dashboard_and_on_its_page() -> None:
    names_in_queries = set().union(*(names_in(query) for _, query in QUERIES))
    for one in instruments():
        possible = {one._name + suffix for suffix in SUFFIXES[str(one._type)]}  # noqa: SLF001 - as above
        assert possible & names_in_queries, one
        assert f"`{one._name}" in WATCHING, one  # noqa: SLF001 - as above


def test_every_event_that_a_query_names_is_one_of_the_log() -> None:
    code = "".join(
        path.read_text()
        for package in ("web", "engine", "worker")
        for path in (ROOT / package).rglob("*.py")
    )
    events = set()
    for _, query in QUERIES:
        for alternatives in re.findall(r'event=~?"([^"]+)"', query):
            events |= set(alternatives.split("|"))
    assert len(events) > 5
    assert not [event for event in events if f'"{event}"' not in code]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_a_section_that_says_what_to_do(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/operations/runbooks.md"
    assert anchor == rule["alert"].lower()
    section = RUNBOOKS.partition(f"\n## {rule['alert']}\n")[2].partition("\n## ")[0]
    for part in ("**It means**", "**Look at**", "**Do**"):
        assert len(section.partition(part)[2].partition("\n\n")[0]) > 40, part
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_section_belongs_to_an_alert() -> None:
    assert set(re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE)) == {
        rule["alert"] for rule in ALERTS
    }


def test_no_label_could_name_an_account_or_what_is_an_accounts() -> None:
    labels = {label for one in instruments() for label in one._labelnames}  # noqa: SLF001 - as above
    known_names = {
        "route",
        "method",
        "status",
        "code",
        "area",
        "kind",
        "result",
        "queue",
        "actor",
        "state",
    }
    assert labels <= known_names | {"level", "event"}
