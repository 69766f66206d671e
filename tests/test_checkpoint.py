from pathlib import Path

import pytest
import torch

from sher_rl import UsageError
from sher_rl.checkpoint import RunCheckpoint


def test_components_and_random_state_come_back_and_two_are_kept(tmp_path: Path) -> None:
    net = torch.nn.Linear(2, 2)
    checkpoint = RunCheckpoint(tmp_path, net=net)
    for frames in (100, 200, 300):
        net.weight.data.fill_(frames)
        checkpoint.save(frames)
    draws = torch.rand(3)
    other = torch.nn.Linear(2, 2)
    RunCheckpoint(tmp_path, net=other).restore()
    assert (other.weight == 300).all()
    assert torch.equal(torch.rand(3), draws)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2


def test_nothing_is_pickled(tmp_path: Path) -> None:
    path = RunCheckpoint(tmp_path, net=torch.nn.Linear(2, 2)).save(1)
    assert {file.suffix for file in path.rglob("*") if file.is_file()} <= {".json", ".memmap"}


def test_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no checkpoint"):
        RunCheckpoint(tmp_path, net=torch.nn.Linear(2, 2)).restore()
