"""All shippers of a server, and what they count."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.contracts import sink as contract
from modelworks.core import config
from modelworks.serve.records import Records
from modelworks.serve.shipper import Shipper
from modelworks.serve.spool import unread


class Shipping:
    """Ships the records in `folder` to each of a project's sinks. ConfigError for an option that cannot be."""

    def __init__(self, folder: Path, project: str, sinks: Mapping[str, Mapping[str, Any]]) -> None:
        self.sinks = tuple(sinks)
        self.shippers = [
            Shipper(folder, name, contract.find(name).open(project, contract.settled(name, given)))
            for name, given in sinks.items()
        ]

    def start(self) -> None:
        for shipper in self.shippers:
            shipper.start()

    def stop(self) -> None:
        """Send what is there, for seconds at most; the rest waits for the next start."""
        for shipper in self.shippers:
            shipper.stop()

    def exposition(self) -> bytes:
        """The shippers' numbers in Prometheus' text format; empty without any."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        registry = CollectorRegistry()
        for kind, name, words, value in _NUMBERS:
            family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(
                f"modelworks_sink_{name}", words, labels=["sink"]
            )
            for shipper in self.shippers:
                family.add_metric([shipper.sink], float(value(shipper)))
            registry.register(_Held(family))
        return generate_latest(registry) if self.shippers else b""


def recording(folder: Path | None, settings: config.Serve, shipping: Shipping | None = None) -> Records | None:
    """Begin to write records into a folder, where there is one and the settings want them, and to send them on."""
    if folder is None or not settings.records:
        return None
    if shipping is None:
        return Records(folder)
    sinks = shipping.sinks
    shipping.start()
    return Records(folder, unread=lambda: unread(folder, sinks))


class _Held:
    """A collector of one family."""

    def __init__(self, family: Any) -> None:
        self.collect = lambda: [family]


_NUMBERS: tuple[tuple[str, str, str, Any], ...] = (
    ("counter", "shipped", "Records that have arrived at the sink", lambda one: one.shipped),
    ("counter", "known", "Records that the sink had already", lambda one: one.known),
    ("counter", "dead_letters", "Records that the sink refused for good", lambda one: one.dead),
    ("counter", "lost_bytes", "Bytes of records that were removed before the sink had them", lambda one: one.lost),
    ("gauge", "waiting_bytes", "Bytes of records that wait for the sink", lambda one: one.waiting),
    ("gauge", "takes", "Whether the sink takes records (0: they wait on the disk)", lambda one: not one.problem),
)
