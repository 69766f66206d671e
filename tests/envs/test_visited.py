"""Episodes that begin where another environment has been."""

import pytest
import torch
from torchrl.envs import TransformedEnv

from sher_rl import KeepVisited, StartVisited, UsageError, make_env
from sher_rl.training.env_state import EnvState

N = 2


def pair(seed: int = 0) -> tuple[TransformedEnv, TransformedEnv]:
    kept = KeepVisited(torch.Generator().manual_seed(seed))
    first = TransformedEnv(make_env("FetchPush-v4", N, num_threads=1), kept)
    second = TransformedEnv(make_env("FetchPush-v4", N, seed=7, num_threads=1), StartVisited(kept))
    return first, second


def test_an_episode_begins_at_one_of_the_others_states_with_a_goal_of_its_own() -> None:
    first, second = pair()
    way = first.rollout(6)
    usual = make_env("FetchPush-v4", N, seed=7, num_threads=1).reset()
    start = second.reset()
    for i in range(N):
        states = [row.tolist() for row in way["next", "observation"][i]]
        assert start["observation"][i].tolist() in states
        step = states.index(start["observation"][i].tolist())
        assert torch.equal(start["achieved_goal"][i], way["next", "achieved_goal"][i, step])
    assert torch.equal(start["desired_goal"], usual["desired_goal"])


def test_from_there_the_same_actions_lead_the_same_way() -> None:
    first, second = pair()
    way = first.rollout(6)
    start = second.reset()
    step = int((way["next", "observation"][0] == start["observation"][0]).all(-1).nonzero()[0, 0])
    if step == 5:
        pytest.skip("the last state has no next one")
    action = way["action"][:, step + 1]
    after = second.step(start.set("action", action))
    assert torch.equal(after["next", "observation"], way["next", "observation"][:, step + 1])


def test_each_step_is_kept_alike() -> None:
    counts = torch.zeros(4)
    first, _ = pair()
    kept = first.transform
    for _ in range(200):
        way = first.rollout(4)
        counts += (way["next", "observation"][0] == kept.state["rows"]["observation"][0]).all(-1)
    assert counts.sum() == 200
    assert (counts > 25).all()  # of 50; less has a probability of 1e-5


def test_only_the_environments_that_reset_move() -> None:
    first, second = pair()
    usual = second.reset()
    first.rollout(3)
    some = second.reset(usual.clone().set("_reset", torch.tensor([[False], [True]])))
    assert torch.equal(some["observation"][0], usual["observation"][0])
    assert not torch.equal(some["observation"][1], usual["observation"][1])


def test_until_a_state_is_kept_it_begins_as_usual() -> None:
    _, second = pair()
    usual = make_env("FetchPush-v4", N, seed=7, num_threads=1).reset()
    assert torch.equal(second.reset()["observation"], usual["observation"])


def test_the_state_that_is_kept_is_in_checkpoints() -> None:
    first, _ = pair()
    first.rollout(3)
    state = EnvState(first).state_dict()
    other, second = pair(seed=1)
    other.reset()
    EnvState(other).load_state_dict(state)
    kept = first.transform.state["rows"]["observation"]
    assert torch.equal(second.reset()["observation"], kept)
    assert torch.equal(
        torch.rand(3, generator=first.transform.generator), torch.rand(3, generator=other.transform.generator)
    )


def test_another_backend_is_refused() -> None:
    env = TransformedEnv(make_env("FetchPush-v4", N, backend="gym"), KeepVisited())
    with pytest.raises(UsageError, match="whose states are not for others; use backend='native'"):
        env.rollout(2)
