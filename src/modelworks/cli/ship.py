"""`modelworks ship`."""

from __future__ import annotations

import json
import time
from typing import Any

import click


@click.command()
@click.argument("sink")
@click.option("--once", is_flag=True, help="End when nothing waits any more; exit code 1 when that cannot be.")
@click.option("--seconds", type=float, default=60, show_default=True, help="How long --once tries.")
@click.option("--dead-letters", is_flag=True, help="First put back what the sink has refused, to be sent again.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(sink: str, once: bool, seconds: float, dead_letters: bool, as_json: bool) -> int:
    """Send the server's records to a system that collects them, such as Elasticsearch.

    SINK is a key of serve.sinks in modelworks.yaml. A server with sinks does this by itself; this is for one without,
    for what waits while no server runs, and for dead letters. Both at once do no harm.
    """
    from modelworks.contracts import sink as contract
    from modelworks.core import config, paths
    from modelworks.serve import deadletters
    from modelworks.serve.shipper import Shipper

    folder = config.find_project()
    project = config.load_project(folder)
    door = contract.find(sink).open(project.name, contract.settled(sink, project.serve.sinks.get(sink, {})))
    records = paths.records(folder)
    records.mkdir(parents=True, exist_ok=True)
    revived = deadletters.revive(records, sink) if dead_letters else 0
    shipper = Shipper(records, sink, door, every=0.2)
    shipper.start()
    done = _until_done(shipper, seconds if once else float("inf"), once)
    shipper.stop()
    return _tell(shipper, done, revived, as_json)


def _waiting(shipper: Any) -> int:
    """Bytes that wait, by what is noted on the disk: a server may be the one that ships."""
    from modelworks.serve.spool import Spool

    return Spool(shipper.spool.folder, shipper.sink).look()


def _until_done(shipper: Any, seconds: float, once: bool) -> bool:
    """Wait; whether nothing waits any more."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            if once and not _waiting(shipper):
                return True
            time.sleep(0.1)
    except KeyboardInterrupt:
        click.echo("stopped; what waits is sent the next time", err=True)
    return not once or not _waiting(shipper)


def _tell(shipper: Any, done: bool, revived: int, as_json: bool) -> int:
    facts = {
        "shipped": shipper.shipped, "known": shipper.known, "dead_letters": shipper.dead, "revived": revived,
        "waiting_bytes": _waiting(shipper), "problem": shipper.problem,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(facts))
    else:
        click.echo(f"shipped {facts['shipped']}, refused {facts['dead_letters']}, {facts['waiting_bytes']} bytes wait")
        if shipper.problem:
            click.echo(f"  {shipper.problem}", err=True)
    return int(not done)
