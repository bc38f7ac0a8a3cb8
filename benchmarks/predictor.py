"""The Predictor against a bare onnxruntime loop: same graph, same batches, tokenization counted on both sides.

python benchmarks/predictor.py [BUNDLE]     a MiniLM classifier is made when left out (torch is needed for that)

Segments of the two alternate, so that a busy machine slows both alike; the figure is the median of their ratios.
Bar: 0.95 of the bare loop's throughput.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.update(ORT_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false")

import numpy as np
from machine import describe
from minilm import LABELS, build, sentences

from modelworks.bundle import Predictor
from modelworks.kinds import Text

SEGMENT, SEGMENTS = 64, 30


def bare(folder: Path, cap: int, budget: int) -> Callable[[list[str]], list[tuple[str, float]]]:
    """What a careful engineer would write by hand: sort by length, pad, run, softmax, best label."""
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "graphs/model.onnx", options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "resources/tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def run(texts: list[str]) -> list[tuple[str, float]]:
        rows = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]
        answers: list[tuple[str, float]] = [("", 0.0)] * len(rows)
        for batch in batches([len(row) for row in rows], cap, budget):
            longest = max(len(rows[i]) for i in batch)
            ids = np.zeros((len(batch), longest), np.int64)
            mask = np.zeros((len(batch), longest), np.int64)
            for place, i in enumerate(batch):
                ids[place, : len(rows[i])] = rows[i]
                mask[place, : len(rows[i])] = 1
            logits = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
            powers = np.exp(logits - logits.max(1, keepdims=True))
            chances = powers / powers.sum(1, keepdims=True)
            best = chances.argmax(1)
            for place, i in enumerate(batch):
                answers[i] = (LABELS[best[place]], float(chances[place, best[place]]))
        return answers

    return run


def batches(lengths: list[int], cap: int, budget: int) -> list[list[int]]:
    """The same batches as the Predictor's."""
    found: list[list[int]] = []
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) >= cap or (len(batch) + 1) * lengths[i] > budget):
            found.append(batch)
            batch = []
        batch.append(i)
    return [*found, batch]


def clock(run: Callable[[], object]) -> tuple[float, float]:
    """(wall-clock, CPU) seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(folder: Path) -> dict[str, object]:
    """Ratios of throughput, Predictor over bare loop."""
    predictor = Predictor.open(folder, threads=1)
    runtime = predictor.manifest.runtime
    loop = bare(folder, predictor.cap, runtime.budget)
    texts = sentences(SEGMENT * SEGMENTS)
    seen = [answer.label for answer in predictor.predict([Text(text) for text in texts[:SEGMENT]])]
    assert seen == [label for label, _ in loop(texts[:SEGMENT])], "both give the same labels"
    wall, cpu, rates = [], [], []
    for number in range(SEGMENTS):
        part = texts[number * SEGMENT : (number + 1) * SEGMENT]
        order = [lambda p=part: predictor.predict([Text(text) for text in p]), lambda p=part: loop(p)]
        taken = {k: clock(order[k]) for k in ((0, 1) if number % 2 else (1, 0))}
        wall.append(taken[1][0] / taken[0][0])
        cpu.append(taken[1][1] / taken[0][1])
        rates.append(SEGMENT / taken[0][0])
    return {
        "ratio_median": round(statistics.median(wall), 4), "ratio_cpu_median": round(statistics.median(cpu), 4),
        "ratio_quartiles": [round(q, 4) for q in statistics.quantiles(wall, n=4)],
        "rows_per_second_median": round(statistics.median(rates), 1), "company": predictor.company,
        "batch_cap": predictor.cap, "budget": runtime.budget, "segments": SEGMENTS, "rows_per_segment": SEGMENT,
    }  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else build(Path(name) / "bundle")
        result = measure(folder)
    out = {"benchmark": "predictor", "bar": 0.95, **result, "machine": describe()}
    path = Path(__file__).parent / "results" / "predictor.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(out, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
