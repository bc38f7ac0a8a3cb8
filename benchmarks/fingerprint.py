"""Recognizing that a folder of 20,000 files did not change: whole processes, medians of many.

python benchmarks/fingerprint.py [FILES]
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

BAR = 0.2
OLD = 1_600_000_000
CODE = """
import sys
from pathlib import Path
from modelworks.dataset.fingerprint import fingerprint
print(fingerprint(Path(sys.argv[1]), {"source": "images"}))
"""


def process(*command: str) -> tuple[str, float, float]:
    """(output, wall-clock seconds, CPU seconds) of a whole Python process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    out = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True).stdout
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return out, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def medians(times: int, *command: str) -> dict[str, float]:
    runs = [process(*command) for _ in range(times)]
    walls, cpus = [run[1] for run in runs], [run[2] for run in runs]
    return {
        "median_s": round(statistics.median(walls), 4),
        "best_s": round(min(walls), 4),
        "worst_s": round(max(walls), 4),
        "cpu_s": round(statistics.median(cpus), 4),
    }


def fill(root: Path, files: int) -> None:
    for number in range(files):
        path = root / "images" / f"class{number % 20}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(1000))


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        fill(root, files)
        time.sleep(3)  # files that changed within the last two seconds are never cached
        first, wall, cpu = process("-c", CODE, name)
        results = {
            "python -c pass": medians(15, "-c", "pass"),
            "first": {"median_s": round(wall, 4), "cpu_s": round(cpu, 4)},
            "unchanged": medians(25, "-c", CODE, name),
        }
        path = root / "images" / "class0" / "000000.jpg"
        path.write_bytes(b"changed")
        os.utime(path, (OLD, OLD))
        second, wall, cpu = process("-c", CODE, name)
        assert first != second, "a change was missed"
        results["one file changed"] = {"median_s": round(wall, 4), "cpu_s": round(cpu, 4)}
    out = {"benchmark": "fingerprint", "files": files, "bar_s": {"unchanged": BAR}, "results": results}
    target = Path(__file__).parent / "results" / "fingerprint.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({**out, "machine": describe()}, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
