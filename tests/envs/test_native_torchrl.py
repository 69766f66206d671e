"""Native environments in TorchRL's rollouts, collectors and parallel environments."""

import pickle
from functools import partial

import pytest
import torch
from helpers.physics import break_physics
from torchrl.collectors import Collector
from torchrl.envs import ParallelEnv, StepCounter, TransformedEnv
from torchrl.modules import RandomPolicy

from sher_rl import make_env
from sher_rl.training.evaluation import evaluate


def test_environments_that_end_apart_wait_for_the_others():
    env = make_env("FetchReach-v4", 2, seed=3, max_episode_steps=6)
    state = env.reset()
    for _ in range(2):
        state = env.step(state.set("action", torch.zeros(2, 4)))["next"].exclude("reward")
    flags = ("done", "terminated", "truncated")
    state = env.reset(state.exclude(*flags).set("_reset", torch.tensor([[False], [True]])))
    first = env._sims[0].data
    times = []
    data = env.rollout(
        20,
        lambda td: times.append(first.time) or env.rand_action(td),
        tensordict=state,
        auto_reset=False,
        break_when_any_done=False,
        break_when_all_done=True,
    )
    assert data["next", "done"].squeeze(-1).int().argmax(1).tolist() == [3, 5]
    assert times[4] == times[5] == first.time  # the physics of the one that is over stand still
    env.close()


def test_rollouts_and_evaluations_equal_the_gym_backend():
    rollouts = []
    for backend in ("native", "gym"):
        env = make_env("FetchPush-v4", 2, seed=5, backend=backend, max_episode_steps=9)
        torch.manual_seed(0)
        rollouts.append(env.rollout(20, break_when_any_done=False))
        torch.manual_seed(0)
        policy = RandomPolicy(env.full_action_spec)
        rollouts.append(evaluate(policy, env, episodes=5, seed=1))
        env.close()
    assert set(rollouts[0].keys(True, True)) == set(rollouts[2].keys(True, True))
    assert (rollouts[0] == rollouts[2]).all()
    assert torch.equal(rollouts[1], rollouts[3])


def test_collector_gives_whole_episodes():
    env = TransformedEnv(make_env("FetchReach-v4", 3, max_episode_steps=8), StepCounter())
    collector = Collector(
        env,
        RandomPolicy(env.full_action_spec),
        frames_per_batch=30,
        total_frames=90,
        trajs_per_batch=3,
        traj_format="cat",
    )
    batches = list(collector)
    collector.shutdown()
    for batch in batches:
        assert batch["next", "done"].sum() == 3
        ends = batch["next", "done"].flatten().nonzero().flatten()
        assert batch["next", "step_count"].flatten()[ends].tolist() == [8, 8, 8]


def test_parallel_env_of_native_environments():
    factory = partial(make_env, "FetchReach-v4", 2, num_threads=1)
    assert pickle.loads(pickle.dumps(factory)).keywords == factory.keywords
    env = ParallelEnv(2, factory)
    env.set_seed(7)
    goals = env.reset()["desired_goal"].reshape(4, 3)
    assert env.rollout(3).shape == (2, 2, 3)
    env.close()
    assert torch.equal(goals, make_env("FetchReach-v4", 4, seed=7).reset()["desired_goal"])


def test_a_failure_stops_the_collector():
    env = make_env("FetchReach-v4", 2, num_threads=2)
    collector = Collector(env, RandomPolicy(env.full_action_spec), frames_per_batch=20, total_frames=-1)
    batches = iter(collector)
    next(batches)
    break_physics(env, 1)
    with pytest.raises(RuntimeError, match="environment 1"):
        next(batches)
    collector.shutdown()
    assert env.is_closed
