"""Start-up: `modelworks --help`, and `modelworks run` with nothing to do. Whole processes, medians of many.

python benchmarks/startup.py [PROJECT]      a project that has been run; without it only --help is timed
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from machine import describe

MODELWORKS = str(Path(sys.executable).with_name("modelworks"))


def seconds(command: list[str], cwd: Path | None = None, times: int = 15) -> dict[str, float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, cwd=cwd, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return {"median_s": round(statistics.median(taken), 4), "worst_s": round(max(taken), 4)}


def main() -> None:
    results = {"python -c pass": seconds([sys.executable, "-c", "pass"]), "--help": seconds([MODELWORKS, "--help"])}
    if len(sys.argv) > 1:
        results["run, nothing to do"] = seconds([MODELWORKS, "run"], Path(sys.argv[1]))
    out = {"benchmark": "startup", "bars": {"--help": 0.15, "run, nothing to do": 0.2}, "results": results}
    path = Path(__file__).parent / "results" / "startup.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**out, "machine": describe()}, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
