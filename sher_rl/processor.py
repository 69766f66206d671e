"""What the processor can do, as far as torch uses it, and how many threads of it torch takes."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

BFLOAT16_UNITS = {"amx_tile": "AMX", "avx512_bf16": "BF16"}
"""Torch's names of what multiplies bfloat16 in hardware, the faster first, and the names that we print."""


def bfloat16_unit() -> str | None:
    """What multiplies bfloat16: ``AMX``, ``BF16`` (AVX-512's own products), or None where float32 is faster.

    None, too, where ``ATEN_CPU_CAPABILITY`` keeps torch from AVX-512.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return None
    found = torch.cpu.get_capabilities()
    return next((name for key, name in BFLOAT16_UNITS.items() if found.get(key, False)), None)


def processor() -> str:
    """The processor's name, and the instructions that torch uses of it.

    >>> processor().endswith(("AVX512", "AVX512, AMX", "AVX512, BF16", "AVX2", "DEFAULT", "NO AVX"))
    True
    """
    unit = bfloat16_unit()
    return ", ".join([_name(), torch.backends.cpu.get_cpu_capability(), *([unit] if unit else [])])


def _name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute with as many threads meanwhile.

    >>> with torch_threads(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
