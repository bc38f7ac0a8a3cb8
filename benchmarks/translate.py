"""How many sentences a second a translation bundle writes through the Predictor, greedily and with its own beams.

python benchmarks/translate.py BUNDLE SOURCES [--threads 2] [--name NAME]

SOURCES is a text file, packed by gzip or not, a sentence a line. Seconds are those of the clock, and those of the
processor (what an otherwise idle machine would need on one core). Writes benchmarks/results/translate-NAME.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from pathlib import Path
from typing import Any

import machine
from msgspec import structs

from modelworks.bundle import Predictor, sessions
from modelworks.kinds import Text

OP = "generate.beam.v1"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("sources", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", default="multi30k-de")
    given = parser.parse_args()
    data = given.sources.read_bytes()
    lines = (gzip.decompress(data) if given.sources.suffix == ".gz" else data).decode().splitlines()
    texts = [Text(line) for line in lines if line.strip()]
    plain = Predictor.open(given.bundle, threads=given.threads)
    own = next(call.params["beams"] for call in plain.manifest.program.calls if call.op == OP)
    found = {
        f"beams {beams}": measure(with_beams(plain, beams, given.threads), texts) for beams in dict.fromkeys((1, own))
    }
    report = {
        "name": given.name, "bundle": plain.id, "sentences": len(texts), "threads": given.threads,
        "company": plain.company, "found": found, "machine": machine.describe(),
    }  # fmt: skip
    path = Path(__file__).parent / "results" / f"translate-{given.name}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(json.dumps(found, indent=1))


def with_beams(plain: Predictor, beams: int, threads: int) -> Predictor:
    """The same bundle, writing with another number of beams."""
    calls = tuple(
        structs.replace(call, params={**call.params, "beams": beams}) if call.op == OP else call
        for call in plain.manifest.program.calls
    )
    manifest = structs.replace(plain.manifest, program=structs.replace(plain.manifest.program, calls=calls))
    return Predictor(manifest, sessions.interpreter(plain.folder, manifest, threads), plain.folder, plain.company)


def measure(predictor: Predictor, texts: list[Text]) -> dict[str, Any]:
    """Sentences a second, after a warm-up."""
    predictor.predict(texts[:64])
    wall, cpu = time.perf_counter(), time.process_time()
    predictor.predict(texts)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "sentences_a_second": round(len(texts) / wall, 1), "sentences_a_core_second": round(len(texts) / cpu, 1),
        "seconds": round(wall, 2), "processor_seconds": round(cpu, 2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
