"""Quality and speed of the retriever, beside BM25 in the same run.

python benchmarks/retrieval.py [--data FOLDER]

FOLDER holds `qa/xquad/xquad.en.json` (its paragraphs are the collection, its questions the queries) and `qa/cranfield`
(default: $MODELWORKS_DATA, else ../shared/data). Builds the starter `retrieval`, indexes, asks through the Predictor,
and scores with bootstrap intervals; writes benchmarks/results/retrieval.json. BM25 is asked twice: by the package bm25s
(Lucene's formula, its own tokenizer, English stop words and stemmer), and by our own postings alone (weight 0).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import machine
import msgspec

from modelworks.bundle import Encoder, Predictor, indexing
from modelworks.contracts import format as formats
from modelworks.contracts import metric as metrics
from modelworks.contracts import task as tasks
from modelworks.contracts.format import Reading
from modelworks.kinds import Example, Hit, Hits
from modelworks.stages.evaluate.intervals import difference, interval
from modelworks.stages.learn import embedding, sources

COLLECTIONS: dict[str, dict[str, Any]] = {
    "xquad": {
        "format": "squad", "documents": "qa/xquad/xquad.en.json", "queries": "qa/xquad/xquad.en.json",
        "bars": {"recall_1": 0.88, "recall_5": 0.98},
    },
    "cranfield": {
        "format": "trec", "documents": "qa/cranfield/cran.all.1400.xml", "queries": "qa/cranfield/cran.qry.xml",
        "bars": {"ndcg_10": "BM25 + 0.02"},
    },
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=os.environ.get("MODELWORKS_DATA", "../shared/data"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        bundle.mkdir()
        embedding.retriever(sources.resolve("all-MiniLM-L6-v2", Path(folder)), bundle)
        found = {}
        for name, plan in COLLECTIONS.items():
            found[name] = {"bars": plan["bars"], **measure(plan, Path(given.data), bundle, Path(folder) / name)}
            print(name, json.dumps(found[name]), flush=True)
    command = f"python benchmarks/{Path(sys.argv[0]).name}"
    report = {"name": "retrieval", "command": command, "collections": found, "machine": machine.describe()}
    path = Path(__file__).parent / "results" / "retrieval.json"
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def measure(plan: dict[str, Any], data: Path, bundle: Path, folder: Path) -> dict[str, Any]:
    """Index a collection, ask it all queries, score the answers."""
    read = formats.find(plan["format"]).read
    documents = _good(read(data / plan["documents"], Reading(input="document", target="")))
    queries = _good(read(data / plan["queries"], Reading(input="text", target="relevant")))
    began = time.monotonic()
    made = indexing.create(folder, Encoder.open(bundle), documents)
    indexed = time.monotonic()
    predictor = Predictor.open(bundle, attach={"collection": folder})
    asked = time.monotonic()
    hybrid = predictor.predict([query.input for query in queries])
    seconds = {"index": indexed - began, "queries": time.monotonic() - asked}
    rows = {"hybrid": hybrid, "bm25s": _bm25s(documents, queries), "postings": _postings(bundle, folder, queries)}
    return {
        "documents": len(documents), "queries": len(queries), "collection": made.id,
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "scores": {name: _scores(queries, answers) for name, answers in rows.items()},
        "ndcg_10 over bm25s": _gain(queries, rows["bm25s"], rows["hybrid"]),
    }  # fmt: skip


def _good(found: Iterable[Any]) -> list[Example]:
    """Without what cannot be used: two documents of Cranfield are empty."""
    return [one for one in found if isinstance(one, Example)]


def _scores(queries: Sequence[Example], answers: Sequence[Any]) -> dict[str, Any]:
    found = {}
    for name in tasks.find("retrieval").metrics:
        metric = metrics.find(name)
        statistics = [metric.statistics(q.target, answer, ()) for q, answer in zip(queries, answers, strict=True)]
        found[name] = {"signature": metric.signature, **msgspec.to_builtins(interval(metric, statistics, 0.95, 1000))}
    return found


def _gain(queries: Sequence[Example], before: Sequence[Any], after: Sequence[Any]) -> dict[str, Any]:
    """Paired difference of nDCG@10 with its interval."""
    metric = metrics.find("ndcg_10")
    pair = [
        [metric.statistics(q.target, a, ()) for q, a in zip(queries, answers, strict=True)]
        for answers in (after, before)
    ]
    found = difference(metric, *pair, 0.95, 1000)
    return {"value": float(found.value), "low": float(found.low), "high": float(found.high)}


def _bm25s(documents: Sequence[Example], queries: Sequence[Example]) -> list[Hits]:
    import bm25s
    import snowballstemmer

    stem = snowballstemmer.stemmer("english").stemWords
    texts = [f"{one.input.title} {one.input.text}" for one in documents]
    index = bm25s.BM25(method="lucene")
    index.index(bm25s.tokenize(texts, stopwords="en", stemmer=stem, show_progress=False), show_progress=False)
    asked = bm25s.tokenize([q.input.text for q in queries], stopwords="en", stemmer=stem, show_progress=False)
    places, scores = index.retrieve(asked, k=10, show_progress=False)
    return [
        Hits(tuple(Hit(documents[int(i)].id, float(s), "", "", 0) for i, s in zip(row, values, strict=True)))
        for row, values in zip(places, scores, strict=True)
    ]


def _postings(bundle: Path, folder: Path, queries: Sequence[Example]) -> list[Hits]:
    """Our own BM25 alone."""
    import numpy as np

    from modelworks.bundle import collection
    from modelworks.ops._search import Wish, search

    opened = collection.opened(folder)
    vectors = np.zeros((len(queries), opened.segments[0].vectors.shape[1]), dtype=np.float32)
    found = search(opened, [q.input.text for q in queries], vectors, Wish(10, 0.0, 1.2, 0.75, 0.0))
    return [Hits(hits) for hits in found]


if __name__ == "__main__":
    main()
