"""Fail where a ratio fell below 0.7 of what is stored for this kind of processor and number of cores.

python benchmarks/suite/gate.py bench.json            # compare, and measure what fell once more
python benchmarks/suite/gate.py bench.json --store    # keep the lower of these ratios and the stored ones

Processors are of four kinds: those with matrix units for bfloat16 (amx), with AVX-512 and its bfloat16 products (bf16),
with AVX-512 without them, and with AVX2 alone. ``ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2`` make the last of a
larger one, with a folder of its own as ``TORCHINDUCTOR_CACHE_DIR``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.suite.ratios import read_ratios, read_tests
from sher_rl.envs.threads import cores
from sher_rl.processor import bfloat16_unit

LEAST = 0.7
STORED = Path(__file__).parent / "stored"


def processor_kind() -> str:
    """The kind of processor that torch takes this one for, and the number of cores, on which ratios depend, too."""
    unit = bfloat16_unit() or torch.backends.cpu.get_cpu_capability()
    return f"{unit.lower()}-{cores()}"


def read(path: Path) -> dict[str, float]:
    """Ratios by name, with three digits."""
    return {ratio.name: float(f"{ratio.value:.3g}") for ratio in read_ratios(path)}


def fallen(measured: dict[str, float], stored: dict[str, float]) -> dict[str, str]:
    """A sentence for each stored ratio that is measured lower than :data:`LEAST` of it, or not at all.

    >>> fallen({"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 2.0, "c": 1.0})
    {'a': 'a: 1x, stored 2x, asked for 1.4x', 'c': 'c: not measured, stored 1x'}
    """
    sentences = {}
    for name, before in stored.items():
        now = measured.get(name)
        if now is None:
            sentences[name] = f"{name}: not measured, stored {before:.3g}x"
        elif now < LEAST * before:
            sentences[name] = f"{name}: {now:.3g}x, stored {before:.3g}x, asked for {LEAST * before:.3g}x"
    return sentences


def measured_again(path: Path, names: list[str]) -> dict[str, float]:
    """Ratios of the tests that these came from, in a run of their own: a neighbour may have cost them the first."""
    tests = read_tests(path, names)
    if not tests:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again.json"
        options = ["-q", "--benchmark-disable-gc", f"--benchmark-json={again}"]
        subprocess.run([sys.executable, "-m", "pytest", *tests, *options], check=True)
        return read(again)


def store_lower(measured: dict[str, float], file: Path) -> None:
    """Keep the lower of these ratios and those of the file."""
    stored = json.loads(file.read_text()) if file.exists() else {}
    file.parent.mkdir(exist_ok=True)
    lower = {name: min(value, stored.get(name, value)) for name, value in measured.items()}
    file.write_text(json.dumps(lower, indent=1) + "\n")
    print(f"{file}: {len(measured)} ratios stored")


def compare(path: Path, file: Path) -> None:
    """Exit with a sentence for each ratio that fell, twice."""
    if not file.exists():
        print(f"no ratios are stored for {file.stem}; nothing was compared (--store keeps these)")
        return
    stored = json.loads(file.read_text())
    sentences = fallen(read(path), stored)
    if sentences:
        print("measured once more:", *sentences.values(), sep="\n", flush=True)
        sentences = fallen(measured_again(path, list(sentences)), {name: stored[name] for name in sentences})
    if sentences:
        sys.exit("\n".join([f"slower than {LEAST} of the stored ratio ({file.name}):", *sentences.values()]))
    print(f"all ratios are at least {LEAST} of the stored ones ({file.name})")


def main(path: Path, store: bool) -> None:
    """Compare with, or write, the file of this kind of processor."""
    file = STORED / f"{processor_kind()}.json"
    if store:
        store_lower(read(path), file)
    else:
        compare(path, file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--store", action="store_true")
    known = parser.parse_args()
    main(known.file, known.store)
