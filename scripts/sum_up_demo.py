"""Print what the demo found: scores with intervals, the variants measured, the verdict, the report's path."""

import json
import subprocess
from pathlib import Path


def newest(pattern: str) -> Path:
    return max(Path(".modelworks/store").glob(pattern), key=lambda path: path.stat().st_mtime)


def main() -> None:
    report = json.loads(newest("evaluate/*/report.json").read_text())
    for name, score in report["scores"].items():
        low, high = score.get("low"), score.get("high")
        shown = f"{score['value']:.4f}" + (f"  ({report['confidence']:.0%}: {low:.4f} to {high:.4f})" if low else "")
        print(f"{name:18} {shown}  {score['signature']}")
    measured = json.loads(newest("optimize/*/measurements.json").read_text())
    for variant in measured:
        mark = "→" if variant.get("chosen") else " "
        figures = [f"{key}={variant[key]:.4g}" for key in ("p50_ms", "throughput", "metric") if variant.get(key)]
        print(f"{mark} {variant['variant']:16} {'  '.join(figures)}  {variant.get('why', '')}")
    verdict = newest("gate/*/verdict.json")
    print(f"verdict: {json.loads(verdict.read_text())['words']}")
    print(f"report:  .demo/{verdict.with_name('report.html')}")
    subprocess.run(["modelworks", "release", "list"], check=True)


if __name__ == "__main__":
    main()
