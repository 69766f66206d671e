"""Episodes of a policy, recorded as demonstrations."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torchrl.envs import EnvBase
from torchrl.envs.utils import ExplorationType, set_exploration_type

from sher_rl.envs.make_gym import import_gymnasium
from sher_rl.errors import UsageError, check_counts
from sher_rl.files import new_folder
from sher_rl.replay.demonstrations import FLAGS, OBSERVED, import_for_demonstrations
from sher_rl.training.evaluation import last_steps
from sher_rl.training.threads import one_torch_thread
from sher_rl.untrusted import bare_id

MOST_ATTEMPTS = 20
"""Episodes played for each one that is kept, at most."""
_FOLLOWING = (*OBSERVED, *FLAGS, "reward")


def record_demonstrations(
    policy: TensorDictModuleBase, env: EnvBase, *, episodes: int, seed: int, successful: bool = False
) -> TensorDict:
    """Play deterministic episodes, and keep their steps as :func:`~sher_rl.load_demonstrations` gives them.

    Args:
        policy: from what the environment observes to ``action``.
        env: of batch size ``[n]``, from :func:`~sher_rl.make_env`; each of its episodes has an end.
        episodes: how many to keep.
        seed: of the first; episode ``i`` starts from ``seed + i``.
        successful: keep only episodes that are successful at their last step, and play until there are enough.

    Returns:
        Rows of one episode after the other, ``(rows,)``.

    Raises:
        UsageError: hardly an episode is successful.

    >>> from torchrl.modules import RandomPolicy
    >>> from sher_rl import make_env
    >>> env = make_env("FetchReach-v4", num_envs=2)
    >>> record_demonstrations(RandomPolicy(env.full_action_spec), env, episodes=3, seed=0).shape
    torch.Size([150])
    """
    check_counts(episodes=episodes)
    kept: list[TensorDictBase] = []
    played = 0
    while len(kept) < episodes:
        if played >= MOST_ATTEMPTS * episodes:
            raise UsageError(f"policy was successful in {len(kept)} of {played} episodes; ask for fewer episodes.")
        env.set_seed(seed + played)
        found = _play(policy, env)
        kept += [one for one in found if not successful or bool(one["next", "is_success"][-1])]
        played += len(found)
    return _numbered(kept[:episodes])


@torch.no_grad()
def _play(policy: TensorDictModuleBase, env: EnvBase) -> list[TensorDictBase]:
    """One episode of each environment, ``(steps,)`` each."""
    with set_exploration_type(ExplorationType.DETERMINISTIC), one_torch_thread():
        steps = env.rollout(100_000, policy, break_when_any_done=False, break_when_all_done=True)
    rows = steps.select(*OBSERVED, *FLAGS, "action", *(("next", key) for key in _FOLLOWING), strict=False)
    last = last_steps(rows["next", "done"].squeeze(-1)).tolist()
    return [row[: end + 1] for row, end in zip(rows.unbind(0), last, strict=True)]


def _numbered(episodes: list[TensorDictBase]) -> TensorDict:
    for number, rows in enumerate(episodes):
        rows["collector"] = TensorDict(traj_ids=torch.full(rows.shape, number), batch_size=rows.shape)
    return torch.cat(episodes)


def save_demonstrations(folder: str | Path, rows: TensorDictBase, env_id: str) -> None:
    """Write rows into a new folder as a Minari data set, whole or not at all; needs the extra ``demos``.

    Minari loads it by ``minari.MinariDataset(folder / "data")`` or, from its own folder of data sets, by the name.

    Args:
        folder: to be made; its name becomes the data set's.
        rows: of :func:`record_demonstrations` or :func:`~sher_rl.load_demonstrations`.
        env_id: gymnasium id of the task, which is noted.

    Raises:
        UsageError: Minari is missing; the folder exists or cannot be written.
    """
    check_new(folder)
    storages = import_for_demonstrations("minari.dataset.minari_storage")
    buffers = import_for_demonstrations("minari.data_collector.episode_buffer")
    folder = Path(folder)
    gymnasium = import_gymnasium()
    spec = gymnasium.spec(bare_id(env_id))
    name = f"{re.sub(r'[^-_a-zA-Z0-9]', '_', folder.name)}-v0"
    ids = rows["collector", "traj_ids"]
    parts = rows.split(torch.unique_consecutive(ids, return_counts=True)[1].tolist())
    try:
        with new_folder(folder) as part:
            storage = storages.MinariStorage.new(part / "data", *_spaces(gymnasium, rows), spec)
            storage.update_metadata({"dataset_id": name, "minari_version": version("minari")})
            storage.update_episodes([buffers.EpisodeBuffer(**_episode(rows)) for rows in parts])
    except OSError as error:
        raise UsageError(f"folder {str(folder)!r} cannot be written ({error.strerror}); give another one.") from error


def check_new(folder: str | Path) -> None:
    """Refuse a folder that is there, and one for which Minari is missing, before anything is played.

    Raises:
        UsageError: it is, or Minari is.
    """
    import_for_demonstrations("minari")
    if Path(folder).exists() or Path(folder).is_symlink():
        raise UsageError(f"folder {str(folder)!r} exists; give a new one.")


def _spaces(gymnasium: Any, rows: TensorDictBase) -> tuple[Any, Any]:
    """What gymnasium calls the spaces of observations and actions."""
    box = gymnasium.spaces.Box
    observed = {key: box(-np.inf, np.inf, rows[key].shape[1:], np.float32) for key in OBSERVED}
    return gymnasium.spaces.Dict(observed), box(-1.0, 1.0, rows["action"].shape[1:], np.float32)


def _episode(rows: TensorDictBase) -> dict[str, Any]:
    """One episode as Minari's ``EpisodeBuffer`` takes it."""
    following = rows["next"]
    observed = {key: torch.cat((rows[key][:1], following[key])).numpy() for key in OBSERVED}
    success = following.get("is_success", None)
    return {
        "observations": observed,
        "actions": rows["action"].numpy(),
        "rewards": following["reward"].squeeze(-1).numpy(),
        "terminations": following["terminated"].squeeze(-1).numpy(),
        "truncations": following["truncated"].squeeze(-1).numpy(),
        "infos": None if success is None else {"is_success": success.squeeze(-1).numpy()},
    }
