from pathlib import Path

import pytest
from helpers.small import small_config

from sher_rl import UsageError
from sher_rl.training.remote.rollouts import share_of


def test_shares_add_up_to_the_batch_of_one_process(tmp_path: Path) -> None:
    config = small_config(tmp_path, num_envs=4, frames_per_batch=102, random_frames=101, actors=2)
    share = share_of(config)
    assert (share.num_envs, share.frames_per_batch, share.random_frames, share.actors) == (2, 52, 51, 1)
    assert share.seed == config.seed


def test_one_actor_has_everything(tmp_path: Path) -> None:
    share = share_of(small_config(tmp_path))
    assert (share.num_envs, share.frames_per_batch, share.random_frames) == (2, 100, 100)


def test_environments_that_cannot_be_shared_evenly_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="num_envs 4 cannot be shared by 3 actors; use a multiple of 3"):
        small_config(tmp_path, num_envs=4, actors=3)
