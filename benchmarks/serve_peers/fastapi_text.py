"""The peer: FastAPI + onnxruntime as most services are written, over the graph and tokenizer of the same bundle.

One process, uvicorn with uvloop and httptools, inline in an `async def`, intra_op=1, JSON by pydantic:
`python fastapi_text.py BUNDLE PORT`.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

folder = Path(sys.argv[1])
manifest = json.loads((folder / "manifest.json").read_bytes())
labels, graph = manifest["labels"], manifest["graphs"][0]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(str(folder / graph["file"]), options, providers=["CPUExecutionProvider"])
calls = {call["op"]: call for call in manifest["program"]["calls"] if "op" in call}
files = {resource["name"]: str(folder / resource["file"]) for resource in manifest["resources"]}


def tokens() -> Callable[[str], dict[str, np.ndarray]]:
    """For a graph of token ids and mask."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(files["tokenizer"])
    tokenizer.no_padding()
    tokenizer.enable_truncation(calls["text.tokenize.v1"]["params"]["max_length"])
    ids_name, mask_name = graph["inputs"]

    def front(text: str) -> dict[str, np.ndarray]:
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        return {ids_name: ids, mask_name: np.ones_like(ids)}

    return front


def grams() -> Callable[[str], dict[str, np.ndarray]]:
    """For the graph of n-grams: the very functions of the bundle's operation."""
    from modelworks.ops._grams import known_ngrams

    way = calls["text.ngrams.v1"]["params"]
    known = (np.load(files["words"]), np.load(files["characters"]))

    def front(text: str) -> dict[str, np.ndarray]:
        return {graph["inputs"][0]: known_ngrams([text], known, **way)[0][None]}

    return front


prepare = tokens() if "text.tokenize.v1" in calls else grams()
app = FastAPI()


class Text(BaseModel):
    text: str


class Scored(BaseModel):
    label: str
    score: float


class Labels(BaseModel):
    label: str
    score: float
    labels: list[Scored]


@app.post("/predict")
async def predict(body: Text) -> Labels:
    logits = session.run(["logits"], prepare(body.text))[0][0].astype(np.float64)
    powers = np.exp(logits - logits.max())
    scores = np.round(powers / powers.sum(), 4)
    ranked = [Scored(label=labels[i], score=scores[i]) for i in np.argsort(-scores, kind="stable")]
    return Labels(label=ranked[0].label, score=ranked[0].score, labels=ranked)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False)
