"""Success rates: of collected episodes, of a policy on seeds that training never uses, and on training's own goals."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from tensordict import TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torch import Tensor
from torchrl.envs import EnvBase
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl.envs.make import default_backend, make_env
from sher_rl.functional.poses import pose_errors
from sher_rl.report.progress_csv import POSE_COLUMNS
from sher_rl.tasks import PoseGoal, find_task
from sher_rl.training.config import RunConfig
from sher_rl.training.env_state import EnvState
from sher_rl.training.successes import goal_moves, met_so_far
from sher_rl.training.threads import one_torch_thread

TEST_ENVS = 20
"""Environments that tests step together."""


def pose_columns(env_id: str, achieved_goal: Tensor, desired_goal: Tensor) -> dict[str, float]:
    """The pose columns of a row, of goals that episodes ended with, ``(episodes, 7)``; none where goals are no poses.

    See :data:`~sher_rl.report.progress_csv.POSE_COLUMNS`.

    >>> pose = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    >>> moved = pose + torch.tensor([[0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    >>> columns = pose_columns("HandManipulateEgg-v1", pose, moved)
    >>> columns["test_success_position"], columns["test_success_rotation"], round(columns["test_distance"], 4)
    (0.0, 1.0, 0.02)
    >>> pose_columns("FetchPush-v4", pose[:, :3], moved[:, :3])
    {}
    """
    task = find_task(env_id)
    if task is None or not isinstance(task.goal, PoseGoal):
        return {}
    goal = task.goal
    distance, angle = pose_errors(achieved_goal, desired_goal, free_spin=goal.free_spin)
    values = (distance < goal.distance, angle < goal.angle, distance, angle)
    return {name: value.double().mean().item() for name, value in zip(POSE_COLUMNS, values, strict=True)}


def final_states(
    policy: TensorDictModuleBase, env: EnvBase, *, episodes: int, seed: int, max_steps: int = 100_000
) -> TensorDictBase:
    """Play deterministic episodes; episode ``i`` starts from seed ``seed + i``, however many environments.

    Args:
        policy: from ``observation`` and ``desired_goal`` to ``action``.
        env: of batch size ``[n]``, from :func:`~sher_rl.make_env`.
        episodes: how many.
        seed: of the first.
        max_steps: bound on an environment that never ends by itself; then its last step counts.

    Returns:
        What the last step of each led to, ``[episodes]``: ``is_success`` (0 or 1; where goals move, whether any step
        met its goal), ``achieved_goal``, ``desired_goal`` and the rest of a step.

    >>> from torchrl.modules import RandomPolicy
    >>> env = make_env("FetchReach-v4", num_envs=2)
    >>> final_states(RandomPolicy(env.full_action_spec), env, episodes=3, seed=0)["achieved_goal"].shape
    torch.Size([3, 3])
    """
    rounds = []
    for first in range(0, episodes, env.batch_size[0]):
        env.set_seed(seed + first)
        rounds.append(_play(policy, env, max_steps))
    return torch.cat(rounds)[:episodes]


@torch.no_grad()
def _play(policy: TensorDictModuleBase, env: EnvBase, max_steps: int = 100_000) -> TensorDictBase:
    """Reset the environments, play one episode in each, and return what its last step led to: ``[n]``"""
    with set_exploration_type(ExplorationType.DETERMINISTIC), one_torch_thread():
        steps = env.rollout(
            max_steps,
            policy,
            auto_cast_to_device=True,
            break_when_any_done=False,
            break_when_all_done=True,
        )
    ends = steps.get("next")
    last = last_steps(ends.get("done").squeeze(-1))
    if goal_moves(env):
        ends.set("is_success", met_so_far(ends.get("is_success"), ends.get("done")))
    return ends[torch.arange(len(last)), last]


def last_steps(done: Tensor) -> Tensor:
    """Where each episode has its last step, the first that is done, or the very last: ``(n, steps) -> (n,)``.

    >>> last_steps(torch.tensor([[False, True, True], [False, False, False]]))
    tensor([1, 2])
    """
    return torch.where(done.any(1), done.int().argmax(1), done.shape[1] - 1)


def evaluate(
    policy: TensorDictModuleBase, env: EnvBase, *, episodes: int, seed: int, max_steps: int = 100_000
) -> Tensor:
    """Success at the last step of each episode of :func:`final_states`: ``(episodes,)``, 0 or 1.

    >>> from torchrl.modules import RandomPolicy
    >>> env = make_env("FetchReach-v4", num_envs=2)
    >>> evaluate(RandomPolicy(env.full_action_spec), env, episodes=3, seed=0).shape
    torch.Size([3])
    """
    states = final_states(policy, env, episodes=episodes, seed=seed, max_steps=max_steps)
    return states.get("is_success").reshape(-1)


def evaluate_from_start(policy: TensorDictModuleBase, env: EnvBase, *, rounds: int, seed: int) -> Tensor:
    """Play the episodes that training from ``seed`` begins with, deterministically.

    Environment ``i`` is seeded once, by ``seed + i``, and then plays ``rounds`` episodes: with the starts and goals of
    the first episodes of a training environment of that seed, which do not depend on the actions.

    Returns:
        Success at the last step of each episode, ``(rounds * n,)``, 0 or 1.

    >>> from torchrl.modules import RandomPolicy
    >>> env = make_env("FetchReach-v4", num_envs=2)
    >>> evaluate_from_start(RandomPolicy(env.full_action_spec), env, rounds=2, seed=0).shape
    torch.Size([4])
    """
    env.set_seed(seed)
    return torch.cat([_play(policy, env).get("is_success").reshape(-1) for _ in range(rounds)])


def make_test_env(env_id: str, num_envs: int, num_threads: int | None = None) -> EnvBase:
    """Environments of any task, by the faster backend that has it; ``num_threads`` are for the native one.

    >>> make_test_env("FetchReach-v4", 2, num_threads=1).batch_size
    torch.Size([2])
    """
    backend = default_backend(env_id)
    return make_env(env_id, num_envs, backend=backend, num_threads=num_threads if backend == "native" else None)


class Evaluation:
    """The evaluations of a run: on test seeds and, with the same deterministic policy, on goals of its training.

    Args:
        config: task, seeds and numbers of episodes.
        test_env: environments for all of them; then none are on training's goals, whose environments are not known.
    """

    def __init__(self, config: RunConfig, test_env: EnvBase | None = None) -> None:
        self._config = config
        make = partial(make_test_env, config.env_id, num_threads=config.num_threads)
        self._test = make(min(TEST_ENVS, config.eval_episodes)) if test_env is None else test_env
        share = config.train_eval_episodes
        self._episodes = math.ceil(config.eval_episodes / 4) if share is None else share
        self._rounds = math.ceil(self._episodes / config.num_envs)
        copies = math.ceil(self._episodes / self._rounds) if self._rounds else 0
        self._train = make(copies) if copies and test_env is None else None

    def test(self, policy: TensorDictModuleBase) -> TensorDictBase:
        """What the test episodes ended in, ``[eval_episodes]``; see :func:`final_states`."""
        return final_states(policy, self._test, episodes=self._config.eval_episodes, seed=self._config.test_seed)

    def train(self, policy: TensorDictModuleBase) -> Tensor:
        """Successes on the first goals of training, ``(train_eval_episodes,)``; see :func:`evaluate_from_start`."""
        if self._train is None:
            return torch.empty(0)
        success = evaluate_from_start(policy, self._train, rounds=self._rounds, seed=self._config.train_seed)
        return success[: self._episodes]

    def state_dict(self) -> dict[str, Any]:
        """The environments' states."""
        return {name: EnvState(env).state_dict() for name, env in self.environments().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        for name, env in self.environments().items():
            EnvState(env).load_state_dict(state[name])

    def close(self) -> None:
        """Close the environments."""
        for env in self.environments().values():
            env.close()

    def environments(self) -> dict[str, EnvBase]:
        """Those for test goals and, if there are any, those for training's goals."""
        envs = {"test": self._test, "train": self._train}
        return {name: env for name, env in envs.items() if env is not None}
