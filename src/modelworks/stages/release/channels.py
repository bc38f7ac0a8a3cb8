"""Channels: every change is one transaction on `modelworks.lock` and one line in the ledger."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from modelworks.core import files, lock, paths
from modelworks.core.errors import ConfigError
from modelworks.core.lock import Lock, Pin

LEDGER = "ledger.jsonl"
CHANNELS = ("champion", "challenger", "shadow")


def add(project: Path, pin: Pin, channel: str = "champion") -> Pin:
    """Enter a release with the next version number (or find it, by bundle) and point the channel at it."""
    added: list[Pin] = []

    def change(now: Lock) -> Lock:
        old = next((p for p in now.releases if p.bundle == pin.bundle), None)
        version = old.version if old else 1 + max((p.version for p in now.releases), default=0)
        added.append(old or msgspec.structs.replace(pin, version=version))
        releases = now.releases if old else (*now.releases, added[0])
        return _point(msgspec.structs.replace(now, releases=releases), channel, version)

    _transact(project, change, "release", channel)
    return added[0]


def promote(project: Path, version: int, channel: str = "champion") -> Pin:
    """Point a channel at a release."""
    if channel not in CHANNELS:
        raise ConfigError("there is no such channel", seen=channel, allowed=CHANNELS)

    def change(now: Lock) -> Lock:
        _known(project, now, version)
        return _point(now, channel, version)

    return _transact(project, change, "promote", channel)


def rollback(project: Path, channel: str = "champion") -> Pin:
    """Point a channel back at the release it held before."""

    def change(now: Lock) -> Lock:
        *earlier, version = now.history.get(channel, ()) or (None,)
        if version is None:
            raise ConfigError(f"{channel} held no release before", where=lock.FILE, hint="modelworks release list")
        _known(project, now, version)
        return msgspec.structs.replace(
            now, channels={**now.channels, channel: version}, history={**now.history, channel: tuple(earlier)}
        )

    return _transact(project, change, "rollback", channel)


def _point(now: Lock, channel: str, version: int) -> Lock:
    held = now.channels.get(channel)
    if held == version:
        return now
    before = now.history.get(channel, ())
    history = {**now.history, channel: (*before, held)} if held is not None else now.history
    return msgspec.structs.replace(now, channels={**now.channels, channel: version}, history=history)


def _known(project: Path, now: Lock, version: int) -> None:
    pin = next((p for p in now.releases if p.version == version), None)
    if pin is None:
        raise ConfigError(
            "there is no such release", seen=version, allowed=[str(p.version) for p in now.releases] or "none yet",
            hint="modelworks release list",
        )  # fmt: skip
    if not paths.bundle(project, pin.bundle).exists():
        raise ConfigError(
            f"the bundle of release {version} is not on this machine", where=str(paths.bundle(project, pin.bundle)),
            hint="modelworks run in the commit that made it, or modelworks release restore FILE",
        )  # fmt: skip


def _transact(project: Path, change: Callable[[Lock], Lock], action: str, channel: str) -> Pin:
    """Read, change and replace the lock while no one else can; then write the ledger."""
    with files.locked(paths.home(project) / "lock.lock"):
        before = lock.read(project)
        after = change(before)
        if after != before:
            lock.write(project, after)
        entry = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "action": action, "channel": channel,
            "from": before.channels.get(channel), "to": after.channels.get(channel),
            "lock": hashlib.sha256(lock.encode(after)).hexdigest(),  # tells what was written here from edits by hand
        }  # fmt: skip
        with (paths.home(project) / LEDGER).open("ab") as stream:
            stream.write(msgspec.json.encode(entry) + b"\n")
        pin = after.pin(channel)
        if pin is None:
            raise ConfigError(f"{channel} holds no release", where=lock.FILE)
        return pin
