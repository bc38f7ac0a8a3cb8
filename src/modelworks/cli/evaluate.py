"""`modelworks evaluate`: score a bundle on labelled files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from modelworks.cli._attach import ATTACH, attached
from modelworks.cli._labelled import COLUMNS, FORMAT, SKIP_BAD


@click.command()
@click.argument("bundle", metavar="BUNDLE")
@click.argument("files", nargs=-1, required=True, metavar="FILES…")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report.")
@click.option("--confidence", default=0.95, show_default=True, type=click.FloatRange(0.5, 0.999))
@click.option("--resamples", default=1000, show_default=True, type=click.IntRange(100))
@click.option("--slice", "slices", multiple=True, metavar="COLUMN", help="Also slice by this column of the files.")
@click.option("--robustness/--no-robustness", default=False, help="Also score perturbed inputs.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to keep the report artifact in.")
@ATTACH
@FORMAT
@COLUMNS
@SKIP_BAD
def command(
    bundle: str, files: tuple[str, ...], as_json: bool, confidence: float, resamples: int, slices: tuple[str, ...],
    robustness: bool, out: Path | None, attach: tuple[str, ...], form: str | None, columns: tuple[str, ...],
    skip_bad: bool,
) -> None:  # fmt: skip
    """Score a bundle on labelled files, with intervals.

    BUNDLE is a folder, a .zip, a channel such as champion, or the beginning of an id.
    """
    from modelworks.bundle import Predictor
    from modelworks.cli import _show
    from modelworks.cli._bundles import resolve
    from modelworks.cli._labelled import reader
    from modelworks.contracts import task as tasks
    from modelworks.core.config import Evaluate
    from modelworks.stages import evaluate

    settings = Evaluate(confidence=confidence, resamples=resamples, slices=slices, robustness=robustness)
    predictor = Predictor.open(resolve(bundle), attach=attached(attach))
    task = tasks.find(predictor.manifest.task)
    with _show.progress() as shown:
        found = evaluate.evaluate(predictor, task, reader(task, files, form, columns, skip_bad), settings, shown)
    found.report.update(dataset="", split="given", files=list(files))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        evaluate.write(found, out)
    click.echo(json.dumps(found.report, ensure_ascii=False) if as_json else words(found.report))


def words(report: dict[str, Any]) -> str:
    """A report as a few lines and tables."""
    from modelworks.cli import _show

    head = f"{report['task']}, bundle {report['bundle'][:12]}, {report['examples']} examples"
    scores = [(name, _show.interval(score), score["signature"]) for name, score in report["scores"].items()]
    parts = [head, "", _show.table([f"score ({report['confidence']:.0%})", "", "signature"], scores)]
    primary = report["primary"]
    slices = [
        (f"{one['column']}: {one['value']}", one["examples"], _show.interval(one["scores"][primary]),
         "found: clearly lower" if one["found"] else "")
        for one in report["slices"]
    ]  # fmt: skip
    if slices:
        parts += ["", _show.table(["slice", "examples", primary, ""], slices)]
    drops = [(one["perturbation"], _show.interval(one["drop"])) for one in report["robustness"]]
    if drops:
        parts += ["", _show.table(["perturbation", f"drop of {primary}"], drops)]
    if ece := report["calibration"].get("ece"):
        parts += ["", f"calibration error {_show.interval(ece)}"]
    return "\n".join(parts)
