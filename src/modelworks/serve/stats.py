"""What the server counts: plain numbers on the hot path, Prometheus' text form only when somebody asks for it.

prometheus-client's own counters lock and look up labels on every call (microseconds, as much as a small model), so
the numbers are kept here, changed on the event loop's thread alone, and handed over by a collector.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from modelworks.serve.engine import Timing
from modelworks.serve.streams import Flow

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SPEED = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class Histogram:
    """Counts by upper bound."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds, self.counts, self.sum = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper bound, count up to it) as Prometheus wants them."""
        total, out = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            out.append((bound, float(total)))
        return out


class Level(NamedTuple):
    """A gauge that is read when somebody asks; `modelworks_` is put before its name."""

    name: str
    words: str
    value: float
    labels: Mapping[str, str] = {}


class Stats:
    """The numbers of one server."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.latency: dict[str, Histogram] = {}
        self.wait, self.prepare, self.model = Histogram(), Histogram(), Histogram()
        self.rows = Histogram(ROWS)
        self.padded = self.useful = 0
        self.first, self.speed = Histogram(), Histogram(SPEED)
        self.pieces = 0
        self.rejected: dict[str, int] = {}
        self.swaps = {"done": 0, "failed": 0}

    def request(self, route: str, status: int, seconds: float) -> None:
        """One answered request."""
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        histogram = self.latency.get(route)
        if histogram is None:
            histogram = self.latency[route] = Histogram()
        histogram.observe(seconds)
        if status in REASONS:
            self.rejected[REASONS[status]] = self.rejected.get(REASONS[status], 0) + 1

    def batch(self, timing: Timing) -> None:
        """One batch that ran."""
        self.wait.observe(timing.waited)
        self.prepare.observe(timing.prepare)
        self.model.observe(timing.model)
        self.rows.observe(timing.rows)
        self.padded += timing.rows * timing.longest
        self.useful += timing.total_length

    def stream(self, flow: Flow) -> None:
        """One answer in pieces that is over."""
        self.first.observe(flow.first)
        self.pieces += flow.pieces
        if flow.seconds > 0:
            self.speed.observe((flow.pieces - 1) / flow.seconds)


REASONS = {413: "too large", 429: "queue full", 503: "deadline"}


def exposition(
    stats: Stats, gauges: Mapping[str, float], info: Mapping[str, str], faults: Mapping[str, int],
    levels: Iterable[Level] = (),
) -> bytes:  # fmt: skip
    """Prometheus' text format: the stats, gauges read now, the model's info, requests refused unread, and levels."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry()
    read = list(levels)
    registry.register(_Collector(lambda: (*_families(stats, gauges, info, faults), *_levels(read))))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Collector:
    def __init__(self, collect: Callable[[], Iterable[Any]]) -> None:
        self.collect = collect


def _levels(levels: list[Level]) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    for name, group in groupby(sorted(levels, key=lambda level: level.name), key=lambda level: level.name):
        same = list(group)
        family = GaugeMetricFamily(f"modelworks_{name}", same[0].words, labels=list(same[0].labels))
        for level in same:
            family.add_metric(list(level.labels.values()), level.value)
        yield family


def _families(
    stats: Stats, gauges: Mapping[str, float], info: Mapping[str, str], faults: Mapping[str, int]
) -> Iterator[Any]:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        InfoMetricFamily,
    )

    requests = CounterMetricFamily("modelworks_requests", "Answered requests", labels=["route", "status"])
    for (route, status), count in sorted(stats.requests.items()):
        requests.add_metric([route, str(status)], count)
    yield requests
    latency = HistogramMetricFamily("modelworks_request_seconds", "From whole request to answer", labels=["route"])
    for route, histogram in sorted(stats.latency.items()):
        latency.add_metric([route], histogram.cumulative(), histogram.sum)
    yield latency
    for name, words, histogram in (
        ("queue_seconds", "Wait of a batch's oldest row", stats.wait),
        ("prepare_seconds", "Row-wise operations of a batch", stats.prepare),
        ("model_seconds", "Graph and post-operations of a batch", stats.model),
        ("batch_rows", "Rows of a batch", stats.rows),
        ("first_piece_seconds", "From a request to the first piece (token) of its answer", stats.first),
        ("pieces_per_second", "Speed of one answer in pieces (tokens), from its first on", stats.speed),
    ):
        yield HistogramMetricFamily(f"modelworks_{name}", words, histogram.cumulative(), histogram.sum)
    yield CounterMetricFamily("modelworks_pieces", "Pieces (tokens) of answers that come in pieces", stats.pieces)
    yield CounterMetricFamily("modelworks_length_padded", "Length run by the model, padding included", stats.padded)
    yield CounterMetricFamily("modelworks_length_useful", "Length of the rows themselves", stats.useful)
    for name, words, label, values in (
        ("rejected", "Requests refused by admission", "reason", stats.rejected),
        ("refused", "Requests or connections refused before they were whole", "reason", faults),
        ("swaps", "Changes of the model while serving", "result", stats.swaps),
    ):
        family = CounterMetricFamily(f"modelworks_{name}", words, labels=[label])
        for value, count in sorted(values.items()):
            family.add_metric([value], count)
        yield family
    for name, level in gauges.items():
        yield GaugeMetricFamily(f"modelworks_{name}", name.replace("_", " ").capitalize(), level)
    yield InfoMetricFamily("modelworks_model", "The model that answers", dict(info))
