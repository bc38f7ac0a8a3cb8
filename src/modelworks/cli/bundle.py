"""`modelworks bundle`: show, verify, sign, pack, join, import or convert bundles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

BUNDLE = click.argument("bundle", metavar="BUNDLE", default="champion")
JSON = click.option("--json", "as_json", is_flag=True, help="Print plain data.")


@click.group()
def command() -> None:
    """Show, verify, sign, pack, join, import or convert bundles.

    BUNDLE is a folder, a .zip, a channel (champion when left out), or the beginning of an id.
    """


@command.command()
@BUNDLE
@JSON
def show(bundle: str, as_json: bool) -> None:
    """What a bundle says of itself: task, labels, program, limits, files, licences."""
    import msgspec

    from modelworks.bundle import archive
    from modelworks.bundle.manifest import SIGNATURE, open_manifest

    with archive.opened(_path(bundle)) as folder:
        manifest = open_manifest(folder)
        signed = (folder / SIGNATURE).is_file()
    facts = {**msgspec.to_builtins(manifest), "signed": signed}
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else "\n".join(_lines(manifest, signed)))


def _lines(manifest: Any, signed: bool) -> list[str]:
    labels = ", ".join(manifest.labels[:12]) + (" …" if len(manifest.labels) > 12 else "")
    size = sum(file.bytes for file in manifest.files.values())
    pairs = [
        ("id", manifest.id), ("name", manifest.name), ("task", manifest.task),
        ("in, out", f"{manifest.input} → {manifest.prediction}"),
        ("labels", f"{len(manifest.labels)}: {labels}" if labels else "none"),
        ("variant", manifest.variant + (f" of {manifest.parent[:12]}" if manifest.parent else "")),
        ("runtime", ", ".join(f"{k} {v}" for k, v in _plain(manifest.runtime).items())),
        ("limits", ", ".join(f"{k} {v:,}" for k, v in _plain(manifest.limits).items())),
        ("files", f"{len(manifest.files)}, {size / 1e6:.1f} MB, {'signed' if signed else 'not signed'}"),
        ("licences", "; ".join(f"{item.what}: {item.licence}" for item in manifest.licences) or "none stated"),
    ]  # fmt: skip
    calls = [_call(call) for call in manifest.program.calls]
    return [*(f"{name:<9} {value}" for name, value in pairs), "program", *(f"  {call}" for call in calls)]


def _call(call: Any) -> str:
    what = call.op or f"graph {call.graph}"
    return f"{', '.join(call.outputs)} = {what}({', '.join(call.inputs)})"


def _plain(struct: Any) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(struct)
    return plain


@command.command()
@BUNDLE
@click.option("--key", type=click.Path(path_type=Path), help="Public key (PEM) that must have signed it.")
@JSON
def verify(bundle: str, key: Path | None, as_json: bool) -> None:
    """Check that a bundle is whole, unaltered and safe, and that it still answers as when it was made."""
    from modelworks.bundle import Predictor

    predictor = Predictor.open(_path(bundle), require_signature=key)
    facts = {
        "id": predictor.id,
        "files": len(predictor.manifest.files),
        "signature": "holds" if key else "not asked for",
    }
    said = f"{predictor.id}: {facts['files']} files as listed, self-test passed, signature {facts['signature']}"
    click.echo(json.dumps(facts) if as_json else said)


@command.command()
@BUNDLE
@click.option("--key", type=click.Path(path_type=Path), required=True, help="Private key (PEM, EC P-256).")
@JSON
def sign(bundle: str, key: Path, as_json: bool) -> None:
    """Sign a bundle folder with a private key; the signature is its file model.sig."""
    from modelworks.bundle import sign as sign_folder
    from modelworks.bundle.manifest import SIGNATURE
    from modelworks.core.errors import ConfigError

    folder = _path(bundle)
    if not folder.is_dir():
        raise ConfigError("only a folder can be signed; sign, then export", where=str(folder))
    manifest = sign_folder(folder, key)
    facts = {"id": manifest.id, "signature": str(folder / SIGNATURE)}
    click.echo(json.dumps(facts) if as_json else f"signed {manifest.id}: {facts['signature']}")


@command.command()
@click.argument("bundle", metavar="BUNDLE")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@JSON
def export(bundle: str, target: Path, as_json: bool) -> None:
    """Pack a bundle into the .zip TARGET, which every command takes in place of the folder."""
    from modelworks.bundle import archive
    from modelworks.bundle import verify as check

    with archive.opened(_path(bundle)) as folder:
        manifest = check(folder)
        archive.pack(folder, target)
    facts = {"id": manifest.id, "file": str(target), "bytes": target.stat().st_size}
    click.echo(json.dumps(facts) if as_json else f"packed {manifest.id} into {target}")


@command.command()
@click.argument("task")
@click.argument("bundles", nargs=-1, required=True, metavar="BUNDLE…")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the new bundle.")
@JSON
def join(task: str, bundles: tuple[str, ...], output: Path, as_json: bool) -> None:
    """Put bundles together into one of TASK: a retriever of an embedding, answers of a retriever and a reader."""
    from contextlib import ExitStack

    from modelworks.bundle import archive
    from modelworks.bundle import join as put_together
    from modelworks.contracts import task as tasks
    from modelworks.core.errors import ConfigError

    if output.exists() and any(output.iterdir()):
        raise ConfigError("bundles are joined in an empty folder", where=str(output))
    output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folders = [stack.enter_context(archive.opened(_path(bundle))) for bundle in bundles]
        manifest = put_together(tasks.find(task), folders, output)
    facts = {"id": manifest.id, "folder": str(output)}
    click.echo(json.dumps(facts) if as_json else f"{manifest.task} {manifest.id[:12]} in {output}")


@command.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="Folder of a train artifact; the project's own if left out."
)
@click.option(
    "--type", "kind", type=click.Choice(["f32", "f16", "bf16", "q8_0"]), default="f16", show_default=True,
    help="What matrices are written as.",
)  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of a bundle that runs it in llama.cpp.")
@JSON
def gguf(target: Path, checkpoint: Path | None, kind: str, output: Path | None, as_json: bool) -> None:
    """Write a fine-tuned causal model as the GGUF file TARGET, for llama.cpp; adapters are merged."""
    import msgspec

    from modelworks.bundle import Licence, from_gguf
    from modelworks.core.errors import ConfigError
    from modelworks.stages.learn import checkpoint as checkpoints
    from modelworks.stages.learn import gguf as writing

    if output is not None and output.exists() and any(output.iterdir()):
        raise ConfigError("a bundle is made in an empty folder", where=str(output))
    source = checkpoint or _trained()
    writing.write(source, target, kind)
    facts: dict[str, Any] = {"file": str(target), "bytes": target.stat().st_size}
    if output is not None:
        known = checkpoints.read(source)
        licences = msgspec.convert(known.licences, tuple[Licence, ...])
        made = from_gguf(target, output, licences=licences, provenance={"weights": known.source})
        facts |= {"id": made.id, "folder": str(output)}
    said = f"wrote {target}" + (f", bundle {facts['id']} in {output}" if output else "")
    click.echo(json.dumps(facts) if as_json else said)


def _trained() -> Path:
    from modelworks.cli import _project
    from modelworks.core.errors import ConfigError

    _, executor = _project.executor()
    if not executor.done("train"):
        raise ConfigError("nothing is trained as the project says now", hint="modelworks run --until train")
    return executor.path("train")


@command.command("import")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, path_type=Path))
@click.option("--task", required=True, help="A task's name or alias.")
@click.option("--labels", default="", help="Labels, in the order of the network's output units: a,b,c.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the new bundle.")
@click.option("--licence", required=True, help="Licence of the weights, as Apache-2.0.")
@click.option("--source", default="", help="Where the weights are from.")
@click.option("--form", default="", help="What FILE is, where its name does not tell.")
@click.option("--like", type=click.Path(exists=True, path_type=Path), help="Take the program of this bundle folder.")
@click.option("--family", default="", help="Of a state dict: the network's family, as train.family.")
@click.option("--model", default="compact", help="Of a state dict: as train.model.")
@click.option("--python", default="", help="The Python that has TensorFlow.")
@click.option("--set", "options", metavar="KEY=VALUE", multiple=True, help="How inputs are read, or the network made.")
@click.option("--name", help="Name of the bundle (default: that of FILE).")
@JSON
def import_(
    file: Path, task: str, labels: str, output: Path, licence: str, source: str, form: str, like: Path | None,
    family: str, model: str, python: str, options: tuple[str, ...], name: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Make a bundle of a model that another program trained, if it answers there as it did here.

    FILE: onnx, torchscript, exported-program, state-dict, saved-model, keras, tflite. None of it is run as Python."""
    from modelworks.cli import _import

    given = tuple(label.strip() for label in labels.split(",") if label.strip())
    facts = _import.imported(
        file, output, task=task, labels=given, like=like, python=python, family=family, model=model, options=options,
        form=form, name=name or file.stem, licence=licence, source=source,
    )  # fmt: skip
    said = f"{facts['task']} {facts['id'][:12]} in {output}: {facts['form']}, differs by {facts['outputs']:.1e}"
    click.echo(json.dumps(facts) if as_json else said)


def _path(bundle: str) -> Path:
    from modelworks.cli._bundles import resolve

    return resolve(bundle)
