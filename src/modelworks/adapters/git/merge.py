"""Two locks that grew from one: all releases of both, and each channel where the one side that moved it put it."""

from __future__ import annotations

import datetime
import hashlib

import msgspec

from modelworks.core.lock import Lock, Pin, encode


def merge(base: Lock, ours: Lock, theirs: Lock) -> tuple[Lock, list[str]]:
    """The merged lock, and the channels that both sides moved apart: there it keeps ours, and a person must choose.

    A release of theirs whose number ours has given to another bundle gets the next free number."""
    numbers = {pin.bundle: pin.version for pin in ours.releases}
    releases = list(ours.releases)
    for pin in theirs.releases:
        if pin.bundle not in numbers:
            numbers[pin.bundle] = _free(pin, releases)
            releases.append(msgspec.structs.replace(pin, version=numbers[pin.bundle]))
    renumbered = {pin.version: numbers[pin.bundle] for pin in theirs.releases}
    channels, history, apart = dict(ours.channels), dict(ours.history), list[str]()
    for name in sorted({*ours.channels, *theirs.channels}):
        mine, their = _held(ours, name), _held(theirs, name)
        if their in (mine, _held(base, name)):
            continue
        if mine != _held(base, name):
            apart.append(name)
        elif name in theirs.channels:
            channels[name] = renumbered[theirs.channels[name]]
            history[name] = tuple(renumbered[version] for version in theirs.history.get(name, ()))
    return Lock(channels=channels, history=history, releases=tuple(releases)), apart


def entry(merged: Lock) -> bytes:
    """The line of the ledger that says that a merge wrote this lock."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    facts = {"time": now, "action": "merge", "lock": hashlib.sha256(encode(merged)).hexdigest()}
    return msgspec.json.encode(facts) + b"\n"


def _free(pin: Pin, releases: list[Pin]) -> int:
    taken = {other.version for other in releases}
    return pin.version if pin.version not in taken else 1 + max(taken)


def _held(lock: Lock, channel: str) -> str | None:
    pin = lock.pin(channel)
    return pin.bundle if pin else None
