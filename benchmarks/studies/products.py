"""How fast an update's products are, beside one large product: ``python benchmarks/studies/products.py [ROWS ...]``.

Prints updates a second with sampling, the share of an update that is products, their GFLOP/s, and those of a product of
2048 x 2048 matrices, which is taken for the limit. For float32 with AVX2 alone, on a larger processor:
``ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2``, and a folder of its own as ``TORCHINDUCTOR_CACHE_DIR``.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch.profiler import ProfilerActivity, profile

import sher_rl
from benchmarks.suite.subjects import SHAPES, Updates, fused_updates

UPDATES = 30
ROUNDS = 7
LARGE = 2048
LARGE_ROUNDS = 30


def main(batches: list[int]) -> None:
    """Measure and print a table."""
    print(f"{sher_rl.fast_dtype()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads")
    print("| shape | rows | updates/s | in products | GFLOP/s there | of one large product |")
    print("|---|---:|---:|---:|---:|---:|")
    for shape, dims in SHAPES.items():
        for batch in batches:
            run = fused_updates(dims, batch)
            run(UPDATES)
            alone = statistics.median(seconds(partial(run, UPDATES)) for _ in range(ROUNDS)) / UPDATES
            busy, rate = products(run)
            share = rate / large_rate()
            print(f"| {shape} | {batch} | {1 / alone:.0f} | {busy / alone:.2f} | {rate / 1e9:.0f} | {share:.2f} |")


def products(run: Updates) -> tuple[float, float]:
    """Seconds of an update in products, and floating-point operations a second in them."""
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as trace:
        run(UPDATES)
    events = [event for event in trace.key_averages() if event.flops]
    busy = sum(event.self_cpu_time_total for event in events) / 1e6
    return busy / UPDATES, sum(event.flops for event in events) / busy


def large_rate() -> float:
    """Floating-point operations a second of one large product in the same dtype, the best of many."""
    matrix = torch.ones(LARGE, LARGE, dtype=sher_rl.fast_dtype())
    return 2 * LARGE**3 / min(seconds(lambda: matrix @ matrix) for _ in range(LARGE_ROUNDS))


def seconds(work: Callable[[], object]) -> float:
    """That a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [256, 1024])
