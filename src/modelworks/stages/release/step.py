"""The release step."""

from __future__ import annotations

import datetime
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec

from modelworks.bundle import archive, open_manifest, sign, verify
from modelworks.contracts.step import Work
from modelworks.core import files, lock, paths
from modelworks.core.errors import ConfigError, GateFailed
from modelworks.core.hashing import file_digest
from modelworks.core.lock import Pin
from modelworks.stages.release import channels, commit, outbox, story


def run(work: Work) -> dict[str, Any]:
    """Release the bundle when the verdict says so, else raise GateFailed; either way tell the registry."""
    verdict = _json(work.inputs["verdict"] / "verdict.json")
    manifest = open_manifest(work.inputs["bundle"] / "bundle")
    passed = bool(verdict["passed"])
    entry = _entry(work, verdict, manifest.id if passed else None)
    if not passed:
        outbox.put(work.project, entry)
        outbox.start(work.project)
        raise GateFailed(str(verdict["words"]), where="gate", hint=f"open {_shown(work, 'report.html')}")
    keep(
        work.project, manifest.id, work.inputs["bundle"] / "bundle", str(work.params["release"].get("signing_key", ""))
    )
    pin = channels.add(work.project, _pin(work, manifest.id))
    outbox.put(work.project, entry)
    outbox.start(work.project)
    facts = {"version": pin.version, "bundle": pin.bundle, "channel": "champion", "report": _shown(work, "report.html")}
    (work.output / "release.json").write_bytes(msgspec.json.encode({**facts, "scores": pin.scores}))
    return facts


def keep(project: Path, bundle_id: str, source: Path, signing_key: str = "") -> Path:
    """Keep a bundle for as long as it may be served: `.modelworks/bundles/<id>/`, signed when a key is given."""
    kept = paths.bundle(project, bundle_id)
    if not kept.exists():
        temporary = kept.with_name(f".{bundle_id}.{os.getpid()}")
        shutil.rmtree(temporary, ignore_errors=True)
        with files.telling(kept):
            shutil.copytree(source, temporary, copy_function=_link)
        if signing_key:
            sign(temporary, project / signing_key)
        files.commit_folder(temporary, kept)
    return kept


def restore(project: Path, source: Path) -> Pin:
    """Bring a released bundle back from a folder or a .zip; a ConfigError when the lock names no such release."""
    with archive.opened(source) as folder:
        bundle = verify(folder).id
        releases = lock.read(project).releases
        pin = next((one for one in releases if one.bundle == bundle), None)
        if pin is None:
            raise ConfigError(
                "this bundle is none of the project's releases", where=str(source), seen=bundle[:12],
                allowed=[one.bundle[:12] for one in releases] or "none yet", hint="modelworks release list",
            )  # fmt: skip
        keep(project, bundle, folder)
    return pin


def _link(source: str, target: str) -> str:
    """Hard-link (the store and the bundles share bytes), or copy across file systems."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _pin(work: Work, bundle_id: str) -> Pin:
    report = _json(work.inputs["report"] / "report.json")
    return Pin(
        bundle=bundle_id, version=0, baseline=work.params["baseline"],
        scores={name: score["value"] for name, score in report["scores"].items() if score["value"] is not None},
        intervals={name: (score["low"], score["high"]) for name, score in report["scores"].items() if _bounded(score)},
        dataset=report["dataset"], weights=file_digest(work.inputs["checkpoint"] / "model.safetensors"),
        pretrained=_json(work.inputs["checkpoint"] / "checkpoint.json")["source"]["sha256"],
        released=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )  # fmt: skip


def _bounded(score: dict[str, Any]) -> bool:
    return score.get("low") is not None and score.get("high") is not None


def _entry(work: Work, verdict: dict[str, Any], bundle_id: str | None) -> outbox.Entry:
    report = _json(work.inputs["report"] / "report.json")
    checkpoint = _json(work.inputs["checkpoint"] / "checkpoint.json")
    settings, task, key = work.params["release"], str(work.params["task"]), work.inputs["verdict"].name
    started, seconds = story.times(work.inputs["verdict"])
    return outbox.Entry(
        key=key, registry=settings["registry"], uri=settings["uri"], project=str(work.params["name"]),
        params=story.flat({"task": task, "family": checkpoint["family"], "options": checkpoint["options"]}),
        metrics={n: s["value"] for n, s in report["scores"].items() if s["value"] is not None},
        curves=story.curves(work.inputs["checkpoint"]),
        tags={
            "dataset": report["dataset"], "verdict": "passed" if verdict["passed"] else "failed", "task": task,
            **commit.head(work.project),
        },
        description=_description(work, verdict), data=story.dataset(work), started=started, seconds=seconds,
        children=story.steps(work, key),
        files=tuple(str(work.inputs["verdict"] / name) for name in ("report.html", "verdict.md", "verdict.json")),
        bundle=bundle_id, channel="champion" if bundle_id else None,
    )  # fmt: skip


def _description(work: Work, verdict: dict[str, Any]) -> str:
    """The verdict, then the bundle's card (without its front matter, which is for machines)."""
    parts = [str(verdict["words"])]
    card = work.inputs["bundle"] / "bundle" / "README.md"
    if card.exists():
        text = card.read_text("utf-8")
        parts.append(text.split("\n---\n", 1)[-1] if text.startswith("---") else text)
    return "\n\n".join(part.strip() for part in parts)


def _json(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())


def _shown(work: Work, name: str) -> str:
    path = work.inputs["verdict"] / name
    return str(path.relative_to(work.project)) if path.is_relative_to(work.project) else str(path)
