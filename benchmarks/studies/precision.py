"""Run a recipe with float32 products where it would use bfloat16, to compare the curves.

python benchmarks/studies/precision.py sher_fetch_push --seed 0 --out-dir runs/float32
"""

import runpy
import sys
from pathlib import Path

import torch

import sher_rl

if __name__ == "__main__":
    sher_rl.fast_dtype = lambda device="cpu": torch.float32
    del sys.argv[0]
    runpy.run_path(str(Path(__file__).parents[2] / "recipes" / f"{sys.argv[0]}.py"), run_name="__main__")
