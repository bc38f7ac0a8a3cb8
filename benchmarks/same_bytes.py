"""Does an answer depend on the rows that share its graph call? For docs/decisions/0003-same-bytes.md.

python benchmarks/same_bytes.py BUNDLE…     bundles of texts; a MiniLM classifier and its int8 variant when left out

Each text is answered alone and in random batches. Three shares are told: rows whose raw graph output is the same bit
by bit; rows whose rounded prediction has the same bytes; and the same under the rule the Predictor keeps, which must
be 1.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from minilm import build, sentences

from modelworks.bundle import Predictor, company, derive
from modelworks.kinds import Text, encode

ROWS, SIZES = 200, (2, 8, 32)


def study(predictor: Predictor) -> dict[str, Any]:
    """The figures of one bundle."""
    run = predictor._interpreter
    rows = run.prepare([Text(text) for text in sentences(ROWS, seed=2)])
    alone = [[np.asarray(column[0]) for column in company.answers(run, [row])] for row in rows]
    alone_bytes = [encode(run.finish([row])[0]) for row in rows]
    kept_bytes = [encode(predictor.finish([row])[0]) for row in rows]
    result: dict[str, Any] = {"rule": predictor.company}
    random = np.random.default_rng(0)
    for size in SIZES:
        equal = same = kept = 0
        worst = 0.0
        order = random.permutation(ROWS)
        for start in range(0, ROWS, size):
            part = order[start : start + size].tolist()
            batch = [rows[i] for i in part]
            columns = company.answers(run, batch)
            for place, i in enumerate(part):
                gaps = [_gap(column[place], a) for column, a in zip(columns, alone[i], strict=True)]
                equal += max(gaps) == 0
                worst = max(worst, *gaps)
            same += sum(encode(p) == alone_bytes[i] for p, i in zip(run.finish(batch), part, strict=True))
            kept += sum(encode(p) == kept_bytes[i] for p, i in zip(predictor.finish(batch), part, strict=True))
        result[f"batches of {size}"] = {
            "bit_equal": equal / ROWS, "largest_difference": float(f"{worst:.3g}"),
            "same_bytes_if_mixed": same / ROWS, "same_bytes_under_the_rule": kept / ROWS,
        }  # fmt: skip
    return result


def _gap(among: Any, alone: np.ndarray) -> float:
    cut = np.asarray(among)[tuple(slice(n) for n in alone.shape)]
    return float(np.abs(cut - alone).max(initial=0))


def defaults(folder: Path) -> list[Path]:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain = build(folder / "minilm")
    quantize_dynamic(plain / "graphs/model.onnx", folder / "int8.onnx", weight_type=QuantType.QInt8)
    derive(plain, folder / "minilm-int8", variant="int8-dynamic", files={"graphs/model.onnx": folder / "int8.onnx"})
    return [plain, folder / "minilm-int8"]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(argument) for argument in sys.argv[1:]] or defaults(Path(name))
        results = {folder.name: study(Predictor.open(folder)) for folder in folders}
    out = {"benchmark": "same bytes", "rows": ROWS, "results": results, "machine": describe()}
    path = Path(__file__).parent / "results" / "same_bytes.json"
    path.write_text(json.dumps(out, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
