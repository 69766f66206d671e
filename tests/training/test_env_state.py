import pytest
from helpers import point  # noqa: F401 -- registers Point-v0
from torchrl.envs import GymEnv

from sher_rl import UsageError, make_env
from sher_rl.training.env_state import EnvState, why_not_saved


def test_an_environment_without_a_state_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be saved with a run"):
        EnvState(GymEnv("Pendulum-v1"))


def test_the_reason_is_that_of_the_first_that_cannot_be_saved() -> None:
    reach = make_env("FetchReach-v4", 2)
    assert why_not_saved(reach, reach) is None
    assert "env GymEnv cannot be saved" in why_not_saved(reach, GymEnv("Pendulum-v1"))
    assert "Point has no get_state()" in why_not_saved(make_env("Point-v0", 2, backend="gym"))
