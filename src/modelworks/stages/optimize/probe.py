"""`python -m modelworks.stages.optimize.probe BUNDLE`: what opening a bundle costs in a process of its own.

Prints JSON: seconds from an imported engine to a checked Predictor, and the process's peak resident memory (MB) after
the self-test, which is what a server that serves this bundle would hold before its first request.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path


def measure(folder: Path) -> dict[str, float]:
    """Run the probe in a fresh interpreter: `{"load_s", "memory_mb"}`."""
    command = [sys.executable, "-m", "modelworks.stages.optimize.probe", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the probe failed")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(folder: str) -> None:
    """Open the bundle and say what it took."""
    from modelworks.bundle import Predictor

    began = time.perf_counter()
    Predictor.open(Path(folder))
    load = time.perf_counter() - began
    sys.stdout.write(json.dumps({"load_s": load, "memory_mb": peak() / 1e6}))


def peak(status: Path = Path("/proc/self/status")) -> float:
    """Peak resident memory of this process in bytes. Linux counts ru_maxrss on from the parent's, VmHWM from exec."""
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) * 1024
    scale = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * scale


if __name__ == "__main__":
    main(sys.argv[1])
