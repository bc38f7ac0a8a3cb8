"""Words a second of tagging, entities and sentiment on a MiniLM encoder: the Predictor beside bare onnxruntime.

python benchmarks/throughput.py [TASK=BUNDLE …]     bundles of the three tasks are made when none is given (torch)

The bare side takes the same texts apart with the same tokenizer, runs the same graph over the same length-sorted
batches, whose arrays it is given ready made, and takes the best class of each row: no features, no padding, no
decoding, no answer is charged to it. Segments of the two alternate, so that a busy machine slows both alike; the
figure is the median of their ratios. Bar: 0.95.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.update(ORT_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")

import numpy as np
from machine import describe
from minilm import sentences

from modelworks.bundle import Predictor, open_resources
from modelworks.bundle.sessions import open_graphs, over
from modelworks.contracts import task as tasks
from modelworks.contracts.step import Work
from modelworks.core import config
from modelworks.core.progress import Silent
from modelworks.dataset import create
from modelworks.kinds import Text
from modelworks.ops.text import split_words

TASKS = ("part-of-speech-tagging", "named-entity-recognition", "sentiment-analysis")
SEGMENT, SEGMENTS = 64, 15
Feeds = list[dict[str, np.ndarray]]


def build(name: str, folder: Path) -> Path:
    """A bundle of the task on MiniLM, trained for some seconds on the task's own examples: its speed is that of any."""
    import dataclasses

    import msgspec

    from modelworks.stages import learn

    task = tasks.find(name)
    examples = [
        dataclasses.replace(example, split=split, id=f"{split}-{example.id}")
        for split in ("train", "dev")
        for example in task.example()
    ]
    for part in ("data", "train", "export", "scratch", "cache"):
        (folder / part).mkdir(parents=True)
    create(folder / "data", examples, input=task.input, target=task.target)
    wish = config.Train(model="all-MiniLM-L6-v2", budget="20s", options={"epochs": 1})
    params = {"task": name, "train": msgspec.to_builtins(wish), "name": "throughput"}
    for step, run, inputs in (
        ("train", learn.train, {"dataset": folder / "data"}),
        ("export", learn.export, {"dataset": folder / "data", "checkpoint": folder / "train"}),
    ):
        run(Work(
            inputs=inputs, params=params, output=folder / step, scratch=folder / "scratch", cache=folder / "cache",
            project=folder, progress=Silent(),
        ))  # fmt: skip
    return folder / "export" / "bundle"


def ready_made(predictor: Predictor) -> Callable[[list[str]], Feeds]:
    """What the graph is fed for some texts, batch by batch."""
    fed: Feeds = []
    (graph,) = predictor.manifest.graphs
    call = open_graphs(predictor.folder, predictor.manifest, 1)[graph.name]

    def recorded(feeds: Mapping[str, np.ndarray]) -> Any:
        fed.append(dict(feeds))
        return call(feeds)

    resources = open_resources(predictor.folder, predictor.manifest.resources)
    interpreter = over(predictor.manifest, {graph.name: recorded}, resources)

    def make(texts: list[str]) -> Feeds:
        fed.clear()
        rows = interpreter.prepare([Text(text) for text in texts])
        for batch in predictor.batches(rows):
            interpreter.finish([rows[i] for i in batch])
        return list(fed)

    return make


def bare(folder: Path) -> Callable[[list[str], Feeds], list[np.ndarray]]:
    """Tokenizer and graph, nothing else."""
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "graphs/model.onnx", options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "resources/tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def run(texts: list[str], fed: Feeds) -> list[np.ndarray]:
        tokenizer.encode_batch_fast(texts)
        return [session.run(None, feeds)[0].argmax(-1) for feeds in fed]

    return run


def clock(run: Callable[[], object]) -> tuple[float, float]:
    """(wall-clock, CPU) seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(folder: Path) -> dict[str, Any]:
    """Ratios of throughput, Predictor over bare onnxruntime, and words a second of the Predictor."""
    predictor = Predictor.open(folder, threads=1)
    make, alone = ready_made(predictor), bare(folder)
    texts = sentences(SEGMENT * (SEGMENTS + 1))
    wall, cpu, rates = [], [], []
    for number in range(SEGMENTS + 1):
        part = texts[number * SEGMENT : (number + 1) * SEGMENT]
        fed, inputs = make(part), [Text(text) for text in part]
        order = [lambda i=inputs: predictor.predict(i), lambda p=part, f=fed: alone(p, f)]
        taken = {k: clock(order[k]) for k in ((0, 1) if number % 2 else (1, 0))}
        if number:  # the first warms up
            wall.append(taken[1][0] / taken[0][0])
            cpu.append(taken[1][1] / taken[0][1])
            rates.append(sum(len(split_words(text)) for text in part) / taken[0][1])
    return {
        "ratio_median": round(statistics.median(wall), 4), "ratio_cpu_median": round(statistics.median(cpu), 4),
        "ratio_quartiles": [round(q, 4) for q in statistics.quantiles(wall, n=4)],
        "words_per_cpu_second_median": round(statistics.median(rates)), "company": predictor.company,
        "batch_cap": predictor.cap, "segments": SEGMENTS, "rows_per_segment": SEGMENT,
    }  # fmt: skip


def main() -> None:
    given = dict(text.split("=", 1) for text in sys.argv[1:])
    found = {}
    for name in given or TASKS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(given[name]) if name in given else build(name, Path(scratch))
            found[name] = measure(folder)
        print(name, json.dumps(found[name], indent=1), flush=True)
    out = {"benchmark": "throughput", "bar": 0.95, "threads": 1, "tasks": found, "machine": describe()}
    path = Path(__file__).parent / "results" / "throughput.json"
    path.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
