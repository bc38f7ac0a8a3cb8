"""A corpus of a million lines through `modelworks batch`: lines a second, memory all along, a kill -9 on the way.

python benchmarks/batch.py [LINES] [BUNDLE]      1,000,000 lines and the committed starter of sentiment analysis

Memory is the largest resident size of the process (VmRSS), read twenty times a second: `early` in the first tenth of
the run, `late` in the rest. The answers are compared with those of the Predictor on a sample of lines.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

from modelworks import kinds, starters
from modelworks.bundle import Predictor

WORDS = ("the a film plot actor good bad dull warm never really quite almost story scene funny sad of and with was "  # noqa: SIM905
         "not but too much").split()  # fmt: skip
MODELWORKS = str(Path(sys.executable).with_name("modelworks"))
SAMPLE = 2000


def corpus(path: Path, lines: int) -> None:
    """Lines of 3 to 30 words, each different."""
    generator = random.Random(0)
    with path.open("w") as stream:
        for number in range(lines):
            words = " ".join(generator.choices(WORDS, k=generator.randint(3, 30)))
            stream.write(json.dumps({"text": f"{words} {number}", "id": number}) + "\n")


def resident(pid: int) -> float:
    """MiB that a process holds; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def watch(command: list[str], journal: Path, lines: int, kill_at: int | None) -> dict[str, float]:
    """Run the command; what it held early and late, and its seconds. Killed once `kill_at` lines are noted."""
    began, early, late = time.perf_counter(), 0.0, 0.0
    before = used()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            done = noted(journal)
            size = resident(process.pid)
            early, late = (max(early, size), late) if done < lines / 10 else (early, max(late, size))
            if kill_at is not None and done >= kill_at:
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.05)
    return {
        "seconds": round(time.perf_counter() - began, 1), "cpu_seconds": round(used() - before, 1),
        "early_mib": round(early, 1), "late_mib": round(late, 1),
    }  # fmt: skip


def used() -> float:
    """Seconds of CPU of all ended children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def noted(journal: Path) -> int:
    try:
        return int(json.loads(journal.read_text())["lines"])
    except (OSError, ValueError, KeyError):
        return 0


def right(bundle: Path, source: Path, answers: Path, lines: int) -> bool:
    """Whether a sample of the answers are the Predictor's, in their places."""
    chosen = set(random.Random(1).sample(range(lines), min(SAMPLE, lines)))
    predictor = Predictor.open(bundle, threads=1)
    with source.open() as given, answers.open() as found:
        pairs = [pair for number, pair in enumerate(zip(given, found, strict=True)) if number in chosen]
    inputs = [kinds.decode(predictor.manifest.input, {"text": json.loads(line)["text"]}) for line, _ in pairs]
    expected = [kinds.encode(one).decode() for one in predictor.predict(inputs)]
    return expected == [answer.rstrip("\n") for _, answer in pairs]


def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    bundle = Path(sys.argv[2]) if len(sys.argv) > 2 else starters.find("sentiment-analysis")
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "in.jsonl", Path(name) / "out.jsonl"
        journal = Path(f"{target}.part.json")
        corpus(source, lines)
        command = [MODELWORKS, "batch", str(bundle), str(source), str(target)]
        first = watch(command, journal, lines, lines // 3)
        kept = noted(journal)
        second = watch(command, journal, lines, None)
        results = {
            "lines": lines, "bundle": bundle.stem, "input_mib": round(source.stat().st_size / 2**20, 1),
            "lines_per_second": round((lines - kept) / second["seconds"]),
            "lines_per_cpu_second": round((lines - kept) / second["cpu_seconds"]), "killed_at": kept, "first": first,
            "resumed": second, "right_and_in_order": right(bundle, source, target, lines),
        }  # fmt: skip
    path = Path(__file__).parent / "results" / "batch.json"
    path.write_text(json.dumps({"benchmark": "batch", "results": results, "machine": describe()}, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
