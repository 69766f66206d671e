"""What TorchRL asks of its transforms in ``TransformBase``, which is not installed with it: those of environments."""

import copy
import pickle
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from helpers.forked import CONTEXT
from tensordict import TensorDict
from torch import nn
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose, EnvBase, ParallelEnv, SerialEnv, Transform, TransformedEnv
from torchrl.envs.utils import check_env_specs

from sher_rl import KeepVisited, ProposeGoals, StartVisited, UniformGoals, UsageError, goal_reward, make_env

FORKED = partial(ParallelEnv, mp_start_method=CONTEXT.get_start_method())


def reach(seed: int = 0) -> EnvBase:
    return make_env("FetchReach-v4", 2, seed=seed, num_threads=1)


def propose() -> ProposeGoals:
    generator = torch.Generator().manual_seed(1)
    near = UniformGoals([1.3, 0.7, 0.5], [1.4, 0.8, 0.6], generator)
    return ProposeGoals(near, goal_reward("FetchReach-v4"))


def keep() -> KeepVisited:
    return KeepVisited(torch.Generator().manual_seed(2))


def start() -> StartVisited:
    torch.manual_seed(0)
    kept = keep()
    TransformedEnv(reach(seed=5), kept).rollout(3)
    return StartVisited(kept)


MAKERS = {"ProposeGoals": propose, "KeepVisited": keep, "StartVisited": start}
EACH = [
    pytest.param("ProposeGoals", SerialEnv, id="ProposeGoals-serial"),
    pytest.param("ProposeGoals", FORKED, id="ProposeGoals-parallel"),
    pytest.param("KeepVisited", SerialEnv, id="KeepVisited-serial"),
    pytest.param("StartVisited", SerialEnv, id="StartVisited-serial"),
    pytest.param("KeepVisited", FORKED, id="KeepVisited-parallel", marks=pytest.mark.slow),
    pytest.param("StartVisited", FORKED, id="StartVisited-parallel", marks=pytest.mark.slow),
]
"""Workers take five seconds to stop."""
every = pytest.mark.parametrize("name", MAKERS)


def transformed(name: str) -> TransformedEnv:
    return TransformedEnv(reach(), MAKERS[name]())


@pytest.fixture
def closing() -> Iterator[Callable]:
    """Keep an environment, and close it after the test."""
    kept: list[EnvBase] = []

    def keep_open(env: EnvBase) -> EnvBase:
        kept.append(env)
        return env

    yield keep_open
    for env in kept:
        env.close()


@every
def test_specs_of_one_environment(name: str, closing: Callable) -> None:
    check_env_specs(closing(transformed(name)))


@pytest.mark.parametrize(("name", "batched"), EACH)
def test_specs_of_several_that_have_it(name: str, batched: Callable, closing: Callable) -> None:
    check_env_specs(closing(batched(2, partial(transformed, name))))


@pytest.mark.parametrize("batched", [SerialEnv, FORKED], ids=["serial", "parallel"])
def test_specs_where_it_has_several(batched: Callable, closing: Callable) -> None:
    env = closing(TransformedEnv(batched(2, reach), propose()))
    check_env_specs(env)
    goal = env.rollout(3)["next", "desired_goal"]
    assert goal.shape == (2, 2, 3, 3)
    assert (goal == goal[:, :, :1]).all()
    assert ((goal >= env.transform.proposal.low) & (goal <= env.transform.proposal.high)).all()


@pytest.mark.parametrize(("name", "batched"), EACH[2:])
def test_several_whose_states_are_not_at_hand_are_refused(name: str, batched: Callable, closing: Callable) -> None:
    env = closing(TransformedEnv(batched(2, reach), MAKERS[name]()))
    with pytest.raises(UsageError, match="whose states are not for others; use backend='native'"):
        env.rollout(2)


@every
def test_composed_it_does_what_it_does_alone(name: str) -> None:
    nested = TransformedEnv(reach(), Compose(Compose(MAKERS[name]())))
    for env in (alone := transformed(name), nested):
        env.set_seed(3)
    action = torch.ones(2, 4)
    states = [env.reset() for env in (alone, nested)]
    assert (states[0] == states[1]).all()
    steps = [env.step(state.set("action", action)) for env, state in zip((alone, nested), states, strict=True)]
    assert (steps[0] == steps[1]).all()


@every
def test_actions_reach_the_environment_as_they_are(name: str) -> None:
    action = TensorDict({"action": torch.rand(2, 4)}, [2])
    assert (transformed(name).transform.inv(action.clone()) == action).all()


def refused(transform: Transform, use: Callable) -> None:
    with pytest.raises(UsageError, match=f"{type(transform).__name__} belongs in an environment"):
        use(TensorDict({"desired_goal": torch.zeros(2, 3)}, [2]))


@every
def test_alone_and_before_a_module_it_is_refused(name: str) -> None:
    transform = MAKERS[name]()
    refused(transform, transform)
    refused(transform, nn.Sequential(transform, nn.Identity()))


@every
def test_a_buffer_refuses_it_when_it_is_read(name: str) -> None:
    transform = MAKERS[name]()
    buffer = TensorDictReplayBuffer(storage=LazyTensorStorage(2), transform=transform, batch_size=2)

    def write_and_read(rows: TensorDict) -> None:
        buffer.extend(rows)
        buffer.sample()

    refused(transform, write_and_read)


@every
def test_a_clone_has_no_parent_and_can_go_elsewhere(name: str) -> None:
    env = transformed(name)
    twin = env.transform.clone()
    assert twin.parent is None
    assert TransformedEnv(reach(), twin).rollout(2).shape == (2, 2)
    assert env.transform.parent is not None


@pytest.mark.parametrize("name", ["ProposeGoals", "KeepVisited"])  # the other one holds another environment's
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda transform: pickle.loads(pickle.dumps(transform))])
def test_a_copy_does_the_same(name: str, copied: Callable) -> None:
    one = MAKERS[name]()
    other = copied(one)
    rollouts = []
    for transform in (one, other):
        torch.manual_seed(0)
        env = TransformedEnv(reach(), transform)
        rollouts.append(env.rollout(4))
    assert (rollouts[0] == rollouts[1]).all()


@every
def test_a_restored_one_goes_on_to_the_bit(name: str) -> None:
    one, other = transformed(name), transformed(name)
    one.rollout(3)
    other.load_state_dict(one.state_dict())
    for env in (one, other):
        env.set_seed(9)
    action = torch.zeros(2, 4)
    states = [env.reset() for env in (one, other)]
    assert (states[0] == states[1]).all()
    steps = [env.step(state.set("action", action)) for env, state in zip((one, other), states, strict=True)]
    assert (steps[0] == steps[1]).all()
