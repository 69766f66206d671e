"""What is expected of TorchRL's private names: a release that fails one needs another ``_torchrl.py``."""

import ast
import inspect
import warnings
from pathlib import Path

import pytest
import torch
from helpers import point  # noqa: F401 -- registers Point-v0
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.data import (
    LazyMemmapStorage,
    LazyTensorStorage,
    PrioritizedSampler,
    RandomSampler,
    TensorDictReplayBuffer,
    TensorStorage,
    Transition,
)
from torchrl.envs import EnvBase, GymEnv, SerialEnv
from torchrl.envs.libs.gym import GymWrapper
from torchrl.objectives import DDPGLoss, LossModule

import sher_rl
from sher_rl import _torchrl

SOURCE = Path(sher_rl.__file__).parent


@pytest.fixture(params=["tensor", "compilable", "memmap"])
def storage(request: pytest.FixtureRequest) -> TensorStorage:
    if request.param == "memmap":
        return LazyMemmapStorage(10)
    return LazyTensorStorage(10, compilable=request.param == "compilable")


def rows(*numbers: int) -> TensorDict:
    return TensorDict({"number": torch.tensor(numbers)}, [len(numbers)])


def buffer_of(storage: TensorStorage | None = None, **options) -> TensorDictReplayBuffer:
    storage = LazyTensorStorage(10) if storage is None else storage
    return TensorDictReplayBuffer(storage=storage, batch_size=4, **options)


def test_columns_are_all_slots_and_no_copy(storage):
    buffer_of(storage).extend(rows(1, 2, 3))
    column = _torchrl.columns(storage).get("number")
    assert column.shape == (10,)
    column[1] = 7
    assert storage.get("number").tolist() == [1, 7, 3]


def test_rows_stored_is_the_length(storage):
    assert _torchrl.rows_stored(storage) == 0
    buffer = buffer_of(storage)
    for expected in (7, 10):
        buffer.extend(rows(*range(7)))
        assert _torchrl.rows_stored(storage) == len(storage) == expected


def test_each_change_raises_the_revision_by_one_and_it_can_be_set(storage):
    before, buffer = _torchrl.revision(storage), buffer_of(storage)
    buffer.extend(rows(1, 2))
    buffer.add(rows(3)[0])
    assert _torchrl.revision(storage) == before + 2
    buffer.empty()
    assert _torchrl.revision(storage) == before + 3
    _torchrl.set_revision(storage, 40)
    buffer.extend(rows(1, 2))
    assert _torchrl.revision(storage) == 41


def test_the_last_written_slot_follows_writes_and_can_be_set(storage):
    assert _torchrl.last_written_slot(storage) is None
    buffer = buffer_of(storage)
    buffer.extend(rows(*range(4)))
    assert _torchrl.last_written_slot(storage) == 3
    _torchrl.set_last_written_slot(storage, 8)
    assert _torchrl.last_written_slot(storage) == 8


def test_buffers_of_a_storage_are_those_made_with_it():
    storage = LazyTensorStorage(10)
    assert _torchrl.buffers_of(storage) == []
    buffers = [buffer_of(storage) for _ in range(2)]
    assert _torchrl.buffers_of(storage) == buffers
    storage.attach(RandomSampler())
    assert _torchrl.buffers_of(storage) == buffers


def test_the_sample_unit_is_the_one_given():
    unit = Transition()
    assert _torchrl.sample_unit(buffer_of(sample_unit=unit)) is unit
    assert _torchrl.sample_unit(buffer_of()) is None


def test_the_next_slot_is_where_the_next_row_goes():
    buffer = buffer_of()
    buffer.extend(rows(*range(8)))
    for _ in range(4):
        slot = _torchrl.next_slot(buffer.writer)
        assert buffer.add(rows(9)[0]) == slot
    assert _torchrl.next_slot(buffer.writer) == 2
    buffer.empty()
    assert _torchrl.next_slot(buffer.writer) == 0


def test_the_generator_reaches_buffer_and_sampler():
    generator = torch.Generator()
    given, without = buffer_of(generator=generator), buffer_of()
    assert _torchrl.generator_of(given) is _torchrl.generator_of(given.sampler) is generator
    assert _torchrl.generator_of(without) is _torchrl.generator_of(without.sampler) is None
    without.set_sampler(PrioritizedSampler(10, 0.7, 0.5))
    without.set_rng(generator)
    assert _torchrl.generator_of(without.sampler) is generator


@pytest.mark.parametrize("key", ["new", "number", ("nest", "new"), ("nest", "old"), ("deep", "er", "new")])
def test_a_column_set_is_the_one_that_set_gives(key):
    data = rows(1, 2).set(("nest", "old"), torch.ones(2))
    value = torch.tensor([5.0, 6.0])
    ours, theirs = data.clone(), data.clone().set(key, value)
    _torchrl.set_column(ours, key, value)
    assert ours.get(key) is value
    assert (ours == theirs).all()
    assert set(ours.keys(True, True)) == set(theirs.keys(True, True))


def ddpg_loss() -> DDPGLoss:
    actor = TensorDictModule(nn.Linear(2, 1), ["observation"], ["action"])
    value = TensorDictModule(_Sum(), ["observation", "action"], ["state_action_value"])
    return DDPGLoss(actor, value, delay_actor=True, delay_value=True)


class _Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return self.weight * observation.sum(-1, keepdim=True) + action


def test_targets_taken_over_give_no_warning():
    loss = ddpg_loss()
    with pytest.warns(UserWarning, match="target network updater"):
        _ = loss.target_value_network_params
    _torchrl.take_over_targets(loss, ["actor_network", "value_network"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _ = loss.target_value_network_params, loss.target_actor_network_params


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_a_module_is_mapped_over_stacked_weights(in_a_loop):
    loss = ddpg_loss()
    module = TensorDictModule(nn.Linear(2, 1), ["observation"], ["value"])
    stacked = torch.stack([TensorDict.from_module(module).data * factor for factor in (1, 2)])
    mapped = _torchrl.vmap_over_weights(module, (None, 0), randomness=loss.vmap_randomness, pseudo_vmap=in_a_loop)
    observation = torch.ones(3, 2)
    values = mapped(TensorDict({"observation": observation}, [3]), stacked)["value"]
    torch.testing.assert_close(values[1], 2 * values[0])
    torch.testing.assert_close(values[0], module(observation))


def collector_of() -> Collector:
    return Collector(GymEnv("Point-v0"), frames_per_batch=4, total_frames=-1, auto_register_policy_transforms=False)


def test_a_collector_goes_on_from_the_step_it_carried():
    first, second = collector_of(), collector_of()
    next(iter(first))
    _torchrl.set_carried_step(second, _torchrl.carried_step(first).to_dict())
    _torchrl.set_trajectory_count(second, {**first.state_dict()["traj_pool"]})
    begun = next(iter(second))
    assert torch.equal(begun["observation"][0], _torchrl.carried_step(first)["observation"])
    assert begun["collector", "traj_ids"].tolist() == [0] * 4
    assert second.state_dict()["traj_pool"] == first.state_dict()["traj_pool"]
    for collector in (first, second):
        collector.shutdown()


def test_the_copies_of_a_serial_environment_are_those_it_steps():
    env = SerialEnv(2, lambda: GymEnv("Point-v0"))
    env.reset()
    copies = _torchrl.copies_of(env)
    assert len(copies) == 2
    env.step(env.rand_action(env.reset()))
    assert all(isinstance(each, GymWrapper) for each in copies)
    env.close()


INHERITED = {
    "_cached_detached_value_params": DDPGLoss,
    "_default_device": LossModule,
    "_env": GymWrapper,
    "_forward_value_estimator_keys": LossModule,
    "_maybe_get_priority_weight": LossModule,
    "_reduce_loss": LossModule,
    "_reset": EnvBase,
    "_value_estimator": LossModule,
}
"""Names of TorchRL's that a class of ours uses of its own base, as TorchRL's own subclasses do."""


def trees() -> dict[str, ast.Module]:
    paths = (path for path in SOURCE.rglob("*.py") if path.name != "_torchrl.py")
    return {str(path.relative_to(SOURCE)): ast.parse(path.read_text()) for path in paths}


def private(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")


def defined(tree: ast.Module) -> set[str]:
    """Names that a module gives to functions, classes and attributes of ``self``, and those of named tuples."""
    names = {"_replace", "_asdict", "_fields"}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif private(node) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            names.add(node.attr)
    return names


def test_nothing_else_touches_a_private_name():
    modules = trees()
    ours = set().union(*map(defined, modules.values()))
    of_self = {"self", "cls", "super()"}
    for path, tree in modules.items():
        for node in filter(private, ast.walk(tree)):
            inherited = ast.unparse(node.value) in of_self and node.attr in INHERITED
            assert inherited or node.attr in ours, f"{path}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree):
            names = node.names if isinstance(node, ast.ImportFrom) and not node.module.startswith("sher_rl") else []
            assert not [name.name for name in names if name.name.startswith("_")], f"{path}:{node.lineno}"


@pytest.mark.parametrize(("name", "base"), INHERITED.items())
def test_inherited_names_are_those_of_the_base(name, base):
    source = inspect.getsource(inspect.getmodule(base))
    assert f"self.{name}" in source or f"def {name}" in source
