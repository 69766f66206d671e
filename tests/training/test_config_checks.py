from pathlib import Path

import pytest
from helpers.small import small_config

from sher_rl import UsageError


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"total_frames": 0}, "total_frames is 0; use a number above 0"),
        ({"actor_lr": -1e-3}, "actor_lr is -0.001"),
        ({"critic_lr": float("nan")}, "critic_lr is nan"),
        ({"random_frames": -1}, "random_frames is -1"),
        ({"random_action": 1.5}, "random_action is 1.5; use a number from 0 to 1"),
        ({"polyak": -0.1}, "polyak is -0.1"),
        ({"policy_ema": 1.5}, "policy_ema is 1.5; use a number from 0 to 1"),
        ({"policy_ema": 1.0}, "policy_ema is 1, an average that never moves; use a number below 1"),
        ({"next_share": 1.5}, "next_share is 1.5; use a number from 0 to 1"),
        ({"next_share": float("nan")}, "next_share is nan"),
        ({"min_motion": -0.01}, "min_motion is -0.01; use a number of at least 0"),
        ({"min_motion": float("inf")}, "min_motion is inf"),
        ({"goal_noise": -1.0}, "goal_noise is -1.0; use a number of at least 0"),
        ({"hidden": ()}, "hidden is ()"),
        ({"hidden": (16, 0)}, r"hidden is \(16, 0\)"),
        ({"hidden": (16, 10**30)}, r"hidden is \(16, 10+\); use one width or more, each from 1 to 65536"),
        ({"seed": 10**30}, "seed is 10+; use a number of at most 2147483647"),
        ({"num_threads": 10**30}, "num_threads is 10+; use a number of at most 1024"),
        ({"batch_size": 2_000}, "batch_size 2000 exceeds buffer_size 1000"),
        ({"frames_per_batch": 1_000}, r"frames_per_batch 1000 and num_envs \d+ do not fit buffer_size 1000; make it"),
        ({"run_name": "../elsewhere"}, "run_name is '../elsewhere'"),
        ({"run_name": ".."}, r"run_name is '\.\.'"),
        ({"run_name": "a\nb"}, r"run_name is 'a\\nb'; use a folder's name"),
        ({"method": "../sher"}, "method is '../sher'"),
        ({"env_id": "my_tasks:../x"}, "env_id is '../x'"),
        ({"env_id": "Fetch Reach"}, "env_id is 'Fetch Reach'; without a module it is a name like"),
        ({"critic": "wide"}, r"critic is 'wide'; it has to be of type .*'concat', 'two-stream', 'merged', 'bilinear'"),
        ({"symmetric": True}, "symmetric is True, and the goals of FetchReach-v4 are no poses; leave it out"),
        ({"waypoint_share": 0.5}, "waypoint_share is 0.5, and the goals of FetchReach-v4 are no poses; leave it out"),
        (
            {"env_id": "HandManipulateEgg-v1", "waypoint_share": 0.5, "pose_difference": False},
            "waypoint_share is 0.5, and pose_difference is off; turn it on",
        ),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used"),
        ({"device": "toaster"}, "device 'toaster' cannot be used"),
    ],
)
def test_wrong_values_get_one_sentence(changes: dict, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence.replace("()", r"\(\)") if sentence == "hidden is ()" else sentence):
        small_config(tmp_path, **changes)
