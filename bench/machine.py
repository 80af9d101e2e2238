"""What the figures were measured on."""

import os
import platform
from pathlib import Path

from simlet.store.sqlite_file import sqlite_release


def machine() -> dict[str, str | int | float]:
    """Processor, memory, system and versions; and what else the machine is busy with now."""
    return {
        "processor": _first("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": _first("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite_release(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _first(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, text = line.partition(":")
        if key.strip() == name:
            return text.strip()
    return "unknown"
