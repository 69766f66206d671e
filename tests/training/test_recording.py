"""Recorded episodes are those that are played, and the successful ones alone where that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tensordict.nn import TensorDictModule

from sher_rl import UsageError, load_policy, make_env, pretrained, record_demonstrations, save_demonstrations
from sher_rl.training.evaluation import evaluate

SEED = 50_000


def half_hearted() -> TensorDictModule:
    """The trained policy of FetchReach where the goal is on the left, and nothing elsewhere."""
    policy = load_policy(pretrained("FetchReach")).module

    def act(observation: torch.Tensor, desired_goal: torch.Tensor) -> torch.Tensor:
        return policy(observation, desired_goal) * (desired_goal[:, 1:2] > 0.75)

    return TensorDictModule(act, ["observation", "desired_goal"], ["action"])


def test_episodes_are_those_of_an_evaluation_whatever_the_number_of_copies() -> None:
    starts = []
    for copies in (2, 5):
        env = make_env("FetchReach-v4", num_envs=copies, num_threads=1)
        rows = record_demonstrations(half_hearted(), env, episodes=5, seed=SEED)
        ends = rows["next", "is_success"][49::50].squeeze(-1)
        assert torch.equal(ends, evaluate(half_hearted(), env, episodes=5, seed=SEED))
        assert torch.equal(rows["collector", "traj_ids"], torch.arange(5).repeat_interleave(50))
        assert torch.equal(rows["next", "done"].squeeze(-1).nonzero().squeeze(-1), torch.arange(49, 250, 50))
        starts.append(rows["observation"][::50])
    assert torch.equal(*starts)


def test_only_successful_episodes_are_kept() -> None:
    env = make_env("FetchReach-v4", num_envs=4, num_threads=1)
    plain = record_demonstrations(half_hearted(), env, episodes=12, seed=SEED)
    rows = record_demonstrations(half_hearted(), env, episodes=3, seed=SEED, successful=True)
    assert rows["next", "is_success"][49::50].all()
    good = plain["next", "is_success"][49::50].squeeze(-1).nonzero().squeeze(-1)[:3]
    assert good.tolist() != [0, 1, 2]
    assert torch.equal(rows["observation"][::50], plain["observation"][::50][good])


def test_a_policy_that_fails_ends_in_a_sentence() -> None:
    env = make_env("FetchReach-v4", num_envs=4, num_threads=1)
    still = TensorDictModule(lambda observation: torch.ones(len(observation), 4), ["observation"], ["action"])
    with pytest.raises(UsageError, match="policy was successful in 0 of 20 episodes; ask for fewer episodes"):
        record_demonstrations(still, env, episodes=1, seed=SEED, successful=True)


def test_a_folder_that_cannot_be_made_ends_in_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("minari")
    env = make_env("FetchReach-v4", num_envs=1, num_threads=1)
    rows = record_demonstrations(half_hearted(), env, episodes=1, seed=SEED)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file/set' cannot be written \(Not a directory\)"):
        save_demonstrations(tmp_path / "file" / "set", rows, "FetchReach-v4")
