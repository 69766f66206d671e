import pytest
import torch
from tensordict import TensorDict
from torchrl.data import Bounded, Categorical, OneHot, Unbounded
from torchrl.envs import ActionScaling, EnvBase, TransformedEnv

from sher_rl import TASKS, UsageError, goal_reward, make_env
from sher_rl.training.checks import check_actions, check_rewards


class Still(EnvBase):
    """An environment of which only the action's spec matters."""

    def __init__(self, action_spec):
        super().__init__(batch_size=[2])
        self.action_spec = action_spec

    def _reset(self, tensordict, **kwargs): ...

    def _step(self, tensordict): ...

    def _set_seed(self, seed): ...


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (Bounded(-2, 2, (2, 3)), r"from -2 to 2, and policies act in \[-1, 1\]; wrap it in gymnasium"),
        (Bounded(-0.5, 1, (2, 3)), "from -0.5 to 1"),
        (Bounded(torch.tensor([[-1.0, -3.0]] * 2), torch.ones(2, 2)), "from -3 to 1"),
        (Unbounded((2, 3)), "a Unbounded.* spec"),
        (Bounded(-1, 1, (2, 3), dtype=torch.int64), "use an environment with continuous, bounded actions"),
        (Categorical(4, shape=(2,)), "a Categorical spec"),
        (OneHot(4, shape=(2, 4)), "a OneHot spec"),
    ],
)
def test_actions_that_policies_cannot_take_are_refused(spec, sentence):
    with pytest.raises(UsageError, match=sentence):
        check_actions(Still(Bounded(-1, 1, (2, 3))), Still(spec))


def test_actions_scaled_by_torchrl_pass():
    check_actions(TransformedEnv(Still(Bounded(-2, 4, (2, 3))), ActionScaling()), make_env("FetchReach-v4", 2))


def steps(achieved, desired, reward):
    columns = {"desired_goal": desired, "next": {"achieved_goal": achieved, "reward": reward}}
    return TensorDict(columns, [len(achieved)])


@pytest.mark.parametrize("env_id", [*TASKS, "FetchPushDense-v4", "HandManipulatePenDense-v1", "DyReach-v0"])
def test_the_tasks_rewards_pass(env_id):
    env = make_env(env_id, 4, seed=3)
    check_rewards(env.rollout(20, break_when_any_done=False), goal_reward(env_id))
    env.close()


def test_a_reward_that_contradicts_the_environment_is_refused():
    achieved = torch.tensor([[0.0], [0.08], [0.3], [2.0]])
    given = torch.tensor([[0.0], [-1.0], [-1.0], [-1.0]])

    def wider(achieved, desired):
        return (abs(achieved - desired) < 0.1).float() - 1

    with pytest.raises(UsageError, match=r"reward_fn gives 0 where env gave -1, .* in 1 of the first 4 steps"):
        check_rewards(steps(achieved, torch.zeros(4, 1), given), wider)


def test_a_goal_rounded_across_the_threshold_passes():
    achieved = torch.tensor([[0.05], [0.05]])  # in float32 a little above 0.05, before that perhaps below
    given = torch.tensor([[0.0], [-1.0]])
    check_rewards(steps(achieved, torch.zeros(2, 1), given), lambda a, d: -(abs(a - d) > 0.05).float())


def test_dense_rewards_may_differ_by_rounding_alone():
    achieved = torch.tensor([[1.0], [2.0]])
    given = torch.tensor([[-1.000001], [-2.0]])
    check_rewards(steps(achieved, torch.zeros(2, 1), given), lambda a, d: -(a - d))
    with pytest.raises(UsageError, match="in 2 of the first 2 steps"):
        check_rewards(steps(achieved, torch.zeros(2, 1), given), lambda a, d: -1.1 * (a - d))
