import subprocess
import sys

import pytest

from sher_rl import UsageError, make_env


@pytest.mark.parametrize(
    ("env_id", "sentence"),
    [
        ("FetchPush-v1", "use 'FetchPush-v4'"),
        ("FetchReachDense-v2", "use 'FetchReachDense-v4'"),
        ("HandManipulateEgg-v0", "use 'HandManipulateEgg-v1'"),
        ("HandReach-v0", "use 'HandReach-v3'"),
        ("Pendulum-v1", "no goal environment"),
        ("NoSuchTask-v3", "unknown to gymnasium"),
        ("not an id", "unknown to gymnasium"),
    ],
)
def test_wrong_ids_get_one_sentence(env_id: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make_env(env_id)


ABSENT = """
import sys
sys.modules["mujoco"] = sys.modules["gymnasium_robotics"] = None
import sher_rl
for env_id, backend in (("FetchReach-v4", "native"), ("CartPole-v1", "gym")):
    try:
        sher_rl.make_env(env_id, backend=backend)
    except (sher_rl.UsageError, ImportError) as error:
        print(error)
"""


def test_where_mujoco_is_absent_only_its_environments_are() -> None:
    result = subprocess.run([sys.executable, "-c", ABSENT], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    fetch, cart = result.stdout.splitlines()
    assert "mujoco" in fetch
    assert "no goal environment" in cart
