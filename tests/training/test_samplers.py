from pathlib import Path

import pytest
import torch
from helpers.small import small_config
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, PrioritizedSampler, RandomSampler, TensorDictReplayBuffer

from sher_rl import HindsightRelabel, make_sampler


def relabel(mode: str = "read") -> HindsightRelabel:
    def reward(achieved_goal: torch.Tensor, desired_goal: torch.Tensor) -> torch.Tensor:
        return -(achieved_goal != desired_goal).any(-1, keepdim=True).float()

    return HindsightRelabel(reward, LazyTensorStorage(100), mode=mode)


def test_per_has_the_published_numbers_and_anneals_beta_over_the_run(tmp_path: Path) -> None:
    config = small_config(tmp_path, sampler="per", total_frames=1_000)
    sampler, on_cycle = make_sampler(config, relabel())
    assert isinstance(sampler, PrioritizedSampler)
    assert (sampler.alpha, sampler.beta, sampler._eps, sampler.max_size) == (0.6, 0.4, 1e-6, config.buffer_size)
    betas = []
    for frames in (0, 500, 1_000, 1_200):
        on_cycle(frames)
        betas.append(sampler.beta)
    assert betas == pytest.approx([0.4, 0.7, 1.0, 1.0])


def test_uniform_is_torchrls_own(tmp_path: Path) -> None:
    sampler, on_cycle = make_sampler(small_config(tmp_path), relabel())
    assert isinstance(sampler, RandomSampler)
    on_cycle(100)


def test_when_relabelling_on_write_a_priority_belongs_to_a_goal() -> None:
    storage, sampler = LazyTensorStorage(100), PrioritizedSampler(100, alpha=1.0, beta=1.0, eps=0.0)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=relabel("write"), batch_size=2_000)
    steps = torch.arange(4.0).unsqueeze(-1)
    ends = {key: (steps == 3) & (key != "terminated") for key in ("done", "truncated", "terminated")}
    following = {"achieved_goal": steps + 1, "reward": -torch.ones(4, 1), **ends}
    following |= {"desired_goal": torch.full((4, 1), 9.0)}
    buffer.extend(TensorDict({"action": steps, "desired_goal": torch.full((4, 1), 9.0), "next": following}, [4]))
    batch = buffer.sample()
    batch["td_error"] = (batch["desired_goal"] == 9.0).squeeze(-1).float() + 1e-6  # the goals of the task alone
    buffer.update_tensordict_priority(batch)
    assert (buffer.sample()["desired_goal"] == 9.0).float().mean() > 0.99
