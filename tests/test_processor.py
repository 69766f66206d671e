import subprocess
import sys
from pathlib import Path

import torch

from sher_rl.processor import BFLOAT16_UNITS, bfloat16_unit, processor


def test_the_unit_is_one_that_the_processor_has() -> None:
    has = {name for key, name in BFLOAT16_UNITS.items() if torch.cpu.get_capabilities().get(key, False)}
    assert bfloat16_unit() in has | {None}


def test_the_processor_is_told_with_what_torch_uses_of_it() -> None:
    assert torch.backends.cpu.get_cpu_capability() in processor().split(", ")


def test_a_processor_held_to_avx2_does_not_multiply_bfloat16() -> None:
    code = "from sher_rl.processor import *; print(bfloat16_unit(), processor())"
    env = {"ATEN_CPU_CAPABILITY": "avx2", "PYTHONPATH": str(Path(__file__).parents[1])}
    result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    unit, _, name = result.stdout.strip().partition(" ")
    assert unit == "None"
    assert name.endswith("AVX2")
