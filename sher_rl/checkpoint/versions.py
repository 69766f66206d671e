"""What a run was made with: packages and machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

import torch

from sher_rl.processor import processor

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
