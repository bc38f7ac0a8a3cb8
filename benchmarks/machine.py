"""The machine a figure was measured on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "modelworks", "numpy", "onnxruntime", "tokenizers", "msgspec", "opencv-python-headless", "uvloop", "httptools",
    "torch", "transformers", "onnx", "mlflow", "fastapi", "uvicorn",
)  # fmt: skip


def describe() -> dict[str, Any]:
    """CPU, cores that may be used, AVX-512 VNNI (int8 is fast with it), memory in GiB, versions, UTC date."""
    info = _text("/proc/cpuinfo")
    return {
        "cpu": _value(info, "model name") or platform.processor() or "unknown",
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "avx512_vnni": "avx512_vnni" in info,
        "memory_gib": round(int(_value(_text("/proc/meminfo"), "MemTotal").split()[0] or 0) / 2**20, 1),
        "load_1m": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _value(text: str, key: str) -> str:
    """The value of the first `key : value` line; "0" when there is none."""
    found = (line.partition(":")[2].strip() for line in text.splitlines() if line.partition(":")[0].strip() == key)
    return next(found, "0")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    print(describe())
