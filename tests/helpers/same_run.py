"""Two runs compared to the bit, and numbers that make a run awkward to resume."""

import csv
import json
from pathlib import Path

import torch

AWKWARD = {
    "num_envs": 3,
    "frames_per_batch": 100,  # 34 steps of each: hand-over points fall in mid-episode
    "buffer_size": 250,  # which the ring goes round
    "random_frames": 150,
    "total_frames": 612,
    "eval_frames": 150,
    "eval_episodes": 2,
    "train_eval_episodes": 2,
    "target_entropy": "auto",
    "compile": False,
}


def rows_without_seconds(text: str) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(text.splitlines())]


def assert_equal(a: object, b: object, where: str = "") -> None:
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert list(a) == list(b), where
        for key in a:
            if key == "csv":
                assert rows_without_seconds(a[key]) == rows_without_seconds(b[key])
            elif key != "seconds":
                assert_equal(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(x, y, f"{where}[{i}]")
    elif isinstance(a, torch.Tensor):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        assert torch.equal(torch.nan_to_num(a, 12345), torch.nan_to_num(b, 12345)), where
    else:
        assert a == b, where


def assert_same_run(one: Path, other: Path, seeded: tuple[str, ...] = ("torch_cpu", "python", "numpy")) -> None:
    """Policy, critics, csv, and all of the last checkpoint: buffer, Adam, normaliser, environments, random states."""
    for name in ("policy.pt", "critics.pt"):
        contents = [torch.load(run / name, weights_only=True) for run in (one, other)]
        assert_equal(*contents)
    texts = [(run / "progress.csv").read_text() for run in (one, other)]
    assert rows_without_seconds(texts[0]) == rows_without_seconds(texts[1])
    last = [max((run / "checkpoints").glob("[0-9]*"), key=lambda path: int(path.name)) for run in (one, other)]
    assert last[0].name == last[1].name
    states = [torch.load(path / "state.pt", weights_only=True) for path in last]
    for state in states:
        state["random"] = {name: state["random"][name] for name in seeded}
    assert_equal(*states, "state")
    manifests = [json.loads((path / "manifest.json").read_text()) for path in last]
    assert manifests[0]["buffer"] == manifests[1]["buffer"]
    files = [{name: file for name, file in m["files"].items() if name != "state.pt"} for m in manifests]
    assert files[0] == files[1] != {}
