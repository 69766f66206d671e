"""The notebook runs, cell by cell, in a fresh process."""

import json
from pathlib import Path

from helpers.forked import python

NOTEBOOK = Path(__file__).parents[2] / "docs" / "examples" / "first_steps.ipynb"
CELLS = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
CHECKS = """
assert rows[-1]["frames"] == 4_000
assert rows[-1]["test_success"] >= 0.8
assert info["is_success"]
assert 0.6 < batch["hindsight", "relabelled"].float().mean() < 0.95
"""


def test_the_notebook_runs_and_reaches(tmp_path: Path) -> None:
    code = "\n".join("".join(cell["source"]) for cell in CELLS)
    result = python("-c", "import torch\ntorch.set_num_threads(1)\n" + code + CHECKS, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    assert (tmp_path / "runs" / "first-steps" / "policy.pt").exists()


def test_the_notebook_is_kept_without_outputs() -> None:
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in CELLS)
