"""Success rates: of collected episodes, and of a policy on seeds that training never uses."""

from __future__ import annotations

import torch
from tensordict import TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torch import Tensor
from torchrl.envs import EnvBase
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl.threads import one_torch_thread


def episode_success(data: TensorDictBase) -> Tensor:
    """Success at the last step of each episode that ends in ``data``: ``(episodes,)``, 0 or 1."""
    return data.get(("next", "is_success"))[data.get(("next", "done"))]


@torch.no_grad()
def evaluate(
    policy: TensorDictModuleBase, env: EnvBase, *, episodes: int, seed: int, max_steps: int = 100_000
) -> Tensor:
    """Play deterministic episodes; episode ``i`` starts from seed ``seed + i``, however many environments.

    Args:
        policy: from ``observation`` and ``desired_goal`` to ``action``.
        env: of batch size ``[n]``, from :func:`~sher_rl.make_env`.
        episodes: how many.
        seed: of the first.
        max_steps: bound on an environment that never ends by itself.

    Returns:
        Success at the last step of each episode, ``(episodes,)``, 0 or 1.

    >>> from sher_rl import make_env
    >>> from torchrl.modules import RandomPolicy
    >>> env = make_env("FetchReach-v4", num_envs=2)
    >>> evaluate(RandomPolicy(env.full_action_spec), env, episodes=3, seed=0).shape
    torch.Size([3])
    """
    results = []
    for first in range(0, episodes, env.batch_size[0]):
        env.set_seed(seed + first)
        with set_exploration_type(ExplorationType.DETERMINISTIC), one_torch_thread():
            steps = env.rollout(
                max_steps,
                policy,
                auto_cast_to_device=True,
                break_when_any_done=False,
                break_when_all_done=True,
            )
        last = steps.get(("next", "done")).int().argmax(1, keepdim=True)
        results.append(steps.get(("next", "is_success")).gather(1, last).reshape(-1))
    return torch.cat(results)[:episodes]
