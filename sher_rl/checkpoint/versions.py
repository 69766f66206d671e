"""What a run was made with: packages and machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("sher-rl", "torch", "torchrl", "tensordict", "numpy", "gymnasium", "gymnasium-robotics", "mujoco")


def versions() -> dict[str, str | int | None]:
    """What this process runs on: versions of packages, Python, platform, processor and torch's threads."""
    machine = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
    }
    return {package: version(package) for package in PACKAGES} | machine


def processor() -> str:
    """The processor's name, and the instructions that torch uses of it.

    >>> processor().endswith(("AVX512", "AVX512, AMX", "AVX2", "DEFAULT", "NO AVX"))
    True
    """
    amx = ", AMX" if torch.cpu.get_capabilities().get("amx_tile", False) else ""
    return f"{_processor_name()}, {torch.backends.cpu.get_cpu_capability()}{amx}"


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
