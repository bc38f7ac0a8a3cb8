"""Quality of the models that this tool trains, measured on the bundle through the Predictor.

python benchmarks/quality.py NAME [--data FOLDER] [--budget TIME] [--set OPTION=VALUE …]

NAME is one of PLANS below. FOLDER holds `sentiment/sst2`, `ner/wnut17`, `image_classification/cifar10`… (default:
$MODELWORKS_DATA, else ../shared/data). Prepares, trains and exports as `modelworks run` does, then scores the bundle
on the development split with a bootstrap interval, and writes benchmarks/results/quality-NAME.json. The development
split also chose the best weights, so its score is a little kind; the bars are for hidden test sets.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import msgspec

from modelworks.bundle import Predictor
from modelworks.contracts import metric as metrics
from modelworks.contracts import task as tasks
from modelworks.contracts.step import Work
from modelworks.core import config
from modelworks.core.progress import Lines
from modelworks.dataset import Dataset
from modelworks.stages import learn, prepare
from modelworks.stages.evaluate.intervals import interval

SST2 = {"train": "sentiment/sst2/train.tsv", "dev": "sentiment/sst2/dev.tsv", "test": 0.01}
WNUT17 = {"train": "ner/wnut17/wnut17train.conll", "dev": "ner/wnut17/emerging.dev.conll", "test": 0.01}
UNER = {"source": "ner/uner_en_ewt/en_ewt-ud-dev.iob2", "dev": 0.25, "test": 0.01}
EMOTION = {
    "train": "sentiment/tweeteval_emotion/train_text.txt", "dev": "sentiment/tweeteval_emotion/val_text.txt",
    "test": 0.01,
}  # fmt: skip
CIFAR10 = {"source": "image_classification/cifar10/cifar10_train10k.zip", "dev": 0.1, "test": 0.001}
SCITLDR = {
    "train": "summarization/scitldr/train.jsonl.gz", "dev": "summarization/scitldr/dev.jsonl.gz", "test": 0.01,
}  # fmt: skip
MULTI30K = {
    language: {
        **{
            split: [f"translation/multi30k/{name}.{side}.gz" for side in ("en", language)]
            for split, name in (("train", "train"), ("dev", "val"), ("test", "test_2016_flickr"))
        },
        "columns": {"text": "en", "references": language},
    }
    for language in ("de", "fr")
}
EWT = {
    "train": "parsing/UD_English-EWT/en_ewt-ud-train.conllu.gz", "dev": "parsing/UD_English-EWT/en_ewt-ud-dev.conllu",
    "test": 0.01,
}  # fmt: skip
XQUAD = {"source": "qa/xquad/xquad.en.json", "dev": 0.2, "test": 0.001, "split": "group"}
SUBJQA = {
    "train": "qa/subjqa/restaurants/train.csv.gz", "dev": "qa/subjqa/restaurants/dev.csv.gz", "test": 0.001,
}  # fmt: skip
SHAKESPEARE = {"source": "generation/tinyshakespeare/input.txt", "split": "time", "dev": 0.1, "test": 0.0001}
WIKITEXT = {"source": "generation/wikitext2/valid.txt", "split": "time", "dev": 0.1, "test": 0.0001}
PLANS: dict[str, dict[str, Any]] = {
    "xquad-reader": {
        "task": "question-answering", "data": XQUAD, "model": "all-MiniLM-L6-v2", "budget": "25m", "bar": None,
        "options": {"batch_size": 8, "epochs": 8, "scorings": 0.5},
    },
    "subjqa-reader": {
        "task": "question-answering", "data": SUBJQA, "model": "all-MiniLM-L6-v2", "budget": "25m", "bar": None,
    },
    "sst2": {
        "task": "sentiment-analysis", "data": SST2, "model": "all-MiniLM-L6-v2", "budget": "55m", "bar": 0.89,
        "options": {"soup": 3, "consistency": 1},
    },
    "emotion": {
        "task": "sentiment-analysis", "data": EMOTION, "model": "all-MiniLM-L6-v2", "budget": "20m", "bar": 0.70,
        "bar_of": "macro_f1", "options": {"ngrams": True, "epochs": 6, "class_weights": "balanced"},
    },
    "emotion-compact": {
        "task": "sentiment-analysis", "data": EMOTION, "model": "compact", "budget": "10m", "bar": 0.66,
        "bar_of": "macro_f1", "options": {"class_weights": "balanced"},
    },
    "uner": {
        "task": "named-entity-recognition", "data": UNER, "model": "all-MiniLM-L6-v2", "budget": "15m", "bar": None,
    },
    "wnut17": {
        "task": "named-entity-recognition", "data": WNUT17, "model": "all-MiniLM-L6-v2", "budget": "15m", "bar": 0.42,
    },
    "scitldr": {
        "task": "summarization", "data": SCITLDR, "model": "all-MiniLM-L6-v2", "budget": "20m", "bar": 0.385,
        "bars": {"rouge_1": 0.385, "rouge_2": 0.166, "rouge_l": 0.305},
    },
    "scitldr-compact": {
        "task": "summarization", "data": SCITLDR, "model": "compact", "budget": "10m", "bar": 0.385,
        "bars": {"rouge_1": 0.385, "rouge_2": 0.166, "rouge_l": 0.305},
    },
    "cifar10": {
        "task": "image-classification", "data": CIFAR10, "model": "efficientnet-lite0", "budget": "20m", "bar": 0.86,
    },
    "sst2-compact": {"task": "sentiment-analysis", "data": SST2, "model": "compact", "budget": "10m", "bar": 0.83},
    "wnut17-compact": {
        "task": "named-entity-recognition", "data": WNUT17, "model": "compact", "budget": "10m", "bar": 0.22,
    },
    "multi30k-de": {
        "task": "translation", "data": MULTI30K["de"], "model": "compact", "budget": "60m", "bar": 28,
        "bar_of": "bleu_lower",
    },
    "multi30k-fr": {
        "task": "translation", "data": MULTI30K["fr"], "model": "compact", "budget": "60m", "bar": 48,
        "bar_of": "bleu_lower",
    },
    "cifar10-compact": {
        "task": "image-classification", "data": CIFAR10, "model": "compact", "budget": "10m", "bar": 0.70,
    },
    "shakespeare": {
        "task": "text-generation", "data": SHAKESPEARE, "model": "compact", "budget": "55m", "bar": 1.60,
    },
    "wikitext": {
        "task": "text-generation", "data": WIKITEXT, "model": "compact", "budget": "10m", "bar": None,
        "options": {"units": "subwords"},
    },
    "ewt": {"task": "parsing", "data": EWT, "model": "all-MiniLM-L6-v2", "budget": "45m", "bar": 0.83},
    "ewt-compact": {"task": "parsing", "data": EWT, "model": "compact", "budget": "30m", "bar": 0.786},
    "ewt-pos": {
        "task": "part-of-speech-tagging", "data": EWT, "model": "all-MiniLM-L6-v2", "budget": "13m", "bar": 0.965,
        "options": {
            "epochs": 3, "batch_size": 32, "learning_rate": 1.5e-4, "head_learning_rate": 2e-3, "hide": 0.1,
            "start_examples": 1500, "scorings": 0.67,
        },
    },
    "ewt-pos-compact": {
        "task": "part-of-speech-tagging", "data": EWT, "model": "compact", "budget": "14m", "bar": 0.945,
        "options": {"epochs": 12, "hidden": 160, "dropout": 0.35, "word_dropout": 0.25, "swap": 0, "scorings": 0.5},
    },
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=PLANS)
    parser.add_argument("--data", default=os.environ.get("MODELWORKS_DATA", "../shared/data"))
    parser.add_argument("--budget", help="another time for the training, as 30m")
    parser.add_argument("--set", action="append", default=[], help="option of the family, as epochs=2")
    parser.add_argument("--keep", help="folder for the bundle")
    given = parser.parse_args()
    plan = {**PLANS[given.name], **({"budget": given.budget} if given.budget else {})}
    changed = {key: json.loads(value) for key, _, value in (text.partition("=") for text in given.set)}
    options = {**plan.get("options", {}), **changed}
    with tempfile.TemporaryDirectory() as folder:
        result = measure(plan, Path(given.data).resolve(), Path(folder), options)
        if given.keep:
            shutil.copytree(Path(folder) / "export" / "bundle", given.keep)
    settings = f" --budget {given.budget}" if given.budget else ""
    settings += "".join(f" --set {text}" for text in given.set)
    command = f"python benchmarks/{Path(sys.argv[0]).name} {given.name} --data FOLDER{settings}"
    report = {"name": given.name, "command": command, **plan, "options": options, **result}
    report["machine"] = machine.describe()
    path = Path(__file__).parent / "results" / f"quality-{given.name}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(json.dumps({key: report[key] for key in ("name", "bar", "scores", "seconds", "bytes")}, indent=1))


def measure(plan: dict[str, Any], data: Path, folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Prepare, train, export, score."""
    wish = msgspec.to_builtins(config.Train(model=plan["model"], budget=plan["budget"], options=options))
    given = msgspec.to_builtins(msgspec.convert(plan["data"], config.Data))
    seconds = {}
    facts = {}
    for name, stage, inputs, params in (
        ("prepare", prepare.run, {"source": data}, {"data": given}),
        ("train", learn.train, {"dataset": folder / "prepare"}, {"train": wish}),
        (
            "export", learn.export, {"dataset": folder / "prepare", "checkpoint": folder / "train"},
            {"name": "quality"},
        ),
    ):  # fmt: skip
        began = time.monotonic()
        facts[name] = stage(_work(folder, name, inputs, {"task": plan["task"], **params}))
        seconds[name] = round(time.monotonic() - began, 1)
        print(name, json.dumps(facts[name]), flush=True)
    bundle = folder / "export" / "bundle"
    history = json.loads((folder / "train" / "history.json").read_text("utf-8"))
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    scores = score(Dataset.open(folder / "prepare"), bundle, plan["task"])
    return {
        "split": "dev", "scores": scores, "seconds": seconds, "bytes": size, "facts": facts["train"],
        "curve": history.get("dev", []),
    }  # fmt: skip


def score(dataset: Dataset, bundle: Path, task: str) -> dict[str, Any]:
    """Metric -> value and 95 % interval of the bundle on the dev split."""
    predictor, found = Predictor.open(bundle), tasks.find(task)
    examples = list(dataset.examples("dev"))
    predictions = predictor.predict([example.input for example in examples])
    scores = {}
    for name in found.metrics:
        metric = metrics.find(name)
        statistics = [
            metric.statistics(example.target, prediction, dataset.labels, example.input)
            for example, prediction in zip(examples, predictions, strict=True)
            if example.target is not None
        ]
        one = interval(metric, statistics, 0.95, 1000)
        if math.isfinite(one.value):  # a scale's error is not defined for labels that are none
            scores[name] = {"signature": metric.signature, **msgspec.to_builtins(one)}
    return scores


def _work(folder: Path, name: str, inputs: dict[str, Path], params: dict[str, Any]) -> Work:
    for part in (name, "scratch", "cache"):
        (folder / part).mkdir(exist_ok=True)
    return Work(
        inputs=inputs, params=params, output=folder / name, scratch=folder / "scratch", cache=folder / "cache",
        project=folder, progress=Lines(15),
    )  # fmt: skip


if __name__ == "__main__":
    main()
