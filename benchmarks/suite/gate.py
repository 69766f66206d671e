"""Fail where a ratio fell below 0.7 of what is stored for this kind of processor and number of cores.

python benchmarks/suite/gate.py bench.json            # compare
python benchmarks/suite/gate.py bench.json --store    # keep the lower of these ratios and the stored ones

Processors are of four kinds: those with matrix units for bfloat16 (amx), with AVX-512 and its bfloat16 products (bf16),
with AVX-512 without them, and with AVX2 alone. ``ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2`` make the last of a
larger one, with a folder of its own as ``TORCHINDUCTOR_CACHE_DIR``.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from benchmarks.suite.ratios import read_ratios
from sher_rl.envs.threads import cores
from sher_rl.processor import bfloat16_unit

LEAST = 0.7
STORED = Path(__file__).parent / "stored"


def processor_kind() -> str:
    """The kind of processor that torch takes this one for, and the number of cores, on which ratios depend, too."""
    unit = bfloat16_unit() or torch.backends.cpu.get_cpu_capability()
    return f"{unit.lower()}-{cores()}"


def fallen(measured: dict[str, float], stored: dict[str, float]) -> list[str]:
    """A sentence for each stored ratio that is measured lower than :data:`LEAST` of it, or not at all.

    >>> fallen({"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 2.0, "c": 1.0})
    ['a: 1.00x, stored 2.00x, asked for 1.40x', 'c: not measured, stored 1.00x']
    """
    sentences = []
    for name, before in stored.items():
        now = measured.get(name)
        if now is None:
            sentences.append(f"{name}: not measured, stored {before:.2f}x")
        elif now < LEAST * before:
            sentences.append(f"{name}: {now:.2f}x, stored {before:.2f}x, asked for {LEAST * before:.2f}x")
    return sentences


def main(path: Path, store: bool) -> None:
    """Compare with, or write, the file of this kind of processor."""
    measured = {ratio.name: round(ratio.value, 3) for ratio in read_ratios(path)}
    file = STORED / f"{processor_kind()}.json"
    stored = json.loads(file.read_text()) if file.exists() else {}
    if store:
        STORED.mkdir(exist_ok=True)
        lower = {name: min(value, stored.get(name, value)) for name, value in measured.items()}
        file.write_text(json.dumps(lower, indent=1) + "\n")
        print(f"{file}: {len(measured)} ratios stored")
        return
    if not stored:
        print(f"no ratios are stored for {processor_kind()}; nothing was compared (--store keeps these)")
        return
    sentences = fallen(measured, stored)
    if sentences:
        sys.exit("\n".join([f"slower than {LEAST} of the stored ratio ({file.name}):", *sentences]))
    print(f"all ratios are at least {LEAST} of the stored ones ({file.name})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--store", action="store_true")
    known = parser.parse_args()
    main(known.file, known.store)
