"""Whatever is given: it works, or it raises an error that names the argument; nothing is written."""

import dataclasses
import re
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import torch
from helpers.small import small_config
from hypothesis import assume, given
from hypothesis import strategies as st
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, RandomSampler, TensorDictReplayBuffer

from sher_rl import (
    CHERSampler,
    Config,
    EBPSampler,
    GoalDims,
    HindsightRelabel,
    MEPSampler,
    MultiGoalDDPGLoss,
    SoftMultiGoalLoss,
    goal_reward,
    make_ddpg_networks,
    make_networks,
)
from sher_rl.cli.recipe import parse

DEFAULT = small_config(Path("runs"))
FIELDS = [field.name for field in dataclasses.fields(Config) if field.name != "resume"]
NUMBERS = st.one_of(st.integers(-3, 40), st.integers(), st.floats(), st.just(10**400))
JUNK = st.one_of(
    NUMBERS, st.none(), st.booleans(), st.text(max_size=8), st.binary(max_size=4), st.lists(NUMBERS, max_size=3),
    st.tuples(NUMBERS, NUMBERS), st.dictionaries(st.text(max_size=3), NUMBERS, max_size=2), st.just(object()),
    st.sampled_from(["auto", "hard", "min", "cpu", "sum", "future", "read", "../x", "a/b", "\x00"]),
)  # fmt: skip
NETWORKS = make_networks(GoalDims(4, 2, 3), (8,))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not list(tmp_path.iterdir())


def assert_works_or_names(call, names: list[str]) -> None:
    try:
        call()
    except (ValueError, TypeError, KeyError) as error:
        words = str(error)
    else:
        return
    assert any(re.search(rf"\b{name}\b", words) for name in names), words


@given(st.dictionaries(st.sampled_from(FIELDS), JUNK, min_size=1, max_size=3))
def test_config(changes: dict) -> None:
    assert_works_or_names(lambda: dataclasses.replace(DEFAULT, **changes), [*changes, "buffer_size"])


@given(st.dictionaries(st.sampled_from(FIELDS), JUNK.map(str), min_size=1, max_size=3))
def test_command_line(changes: dict) -> None:
    args = [f"--{name.replace('_', '-')}={value}" for name, value in changes.items()]
    output, code = StringIO(), 2
    try:
        with redirect_stdout(output), redirect_stderr(output):
            assert_works_or_names(lambda: parse(DEFAULT, args), [*changes, "buffer_size"])
        return
    except SystemExit as stop:
        code = stop.code
    words = "".join(output.getvalue().split())
    assert code == 2
    assert any(hint in words for name in changes for hint in (name, name.replace("_", "-"), "Unrecognizedoptions"))


def relabelled_batch(make_sampler=lambda relabel: RandomSampler(), **options) -> None:
    storage = LazyTensorStorage(20)
    relabel = HindsightRelabel(goal_reward("FetchReach-v4"), storage, **options)
    sampler = make_sampler(relabel)
    buffer = TensorDictReplayBuffer(storage=storage, sampler=sampler, transform=relabel, batch_size=8)
    goals = {"observation": torch.zeros(2, 5, 4), "achieved_goal": torch.rand(2, 5, 3)}
    goals |= {"desired_goal": torch.rand(2, 5, 3)}
    ends = {key: torch.zeros(2, 5, 1, dtype=torch.bool) for key in ("done", "terminated", "truncated")}
    ends["done"][:, -1] = True
    following = {**goals, **ends, "reward": torch.zeros(2, 5, 1)}
    buffer.extend(TensorDict({**goals, "action": torch.zeros(2, 5, 4), "next": following}, [2, 5]))
    batch = buffer.sample()
    assert batch["next", "reward"].isfinite().all()


RELABEL = {
    "strategy": st.one_of(
        JUNK,
        st.sampled_from(["future", "next", "final", "episode", "random", "actual", "past"]),
        st.dictionaries(st.sampled_from(["future", "next", "actual", "real", "final", "past"]), NUMBERS, max_size=3),
    ),
    "k": JUNK,
    "ratio": JUNK,
    "min_motion": JUNK,
    "mode": st.one_of(JUNK, st.sampled_from(["read", "write"])),
}


@given(st.fixed_dictionaries({}, optional=RELABEL))
def test_hindsight_relabel(options: dict) -> None:
    k = options.get("k")
    assume(not (options.get("mode") == "write" and isinstance(k, (int, float)) and k > 100))  # so many copies
    assert_works_or_names(lambda: relabelled_batch(**options), [*options, "k", "ratio"])


SMALL = JUNK.filter(lambda value: not isinstance(value, int) or value < 40)  # else a pool is as large as memory
SAMPLERS = {
    CHERSampler: {
        "pool_ratio": SMALL,
        "batch_size": SMALL,
        "num_neighbors": JUNK,
        "selection": st.one_of(JUNK, st.sampled_from(["stochastic", "greedy"])),
        "lambda_init": JUNK,
        "lambda_growth": JUNK,
        "lambda_period": JUNK,
        "goal": st.one_of(JUNK, st.sampled_from(["full", "position", "rotation"])),
    },
    EBPSampler: {"max_gain": JUNK, "rank": st.booleans(), "temperature": JUNK},
    MEPSampler: {
        "refit_every": JUNK,
        "max_fit": JUNK,
        "max_points": SMALL,
        "components": JUNK,
        "regularisation": JUNK,
        "temperature": JUNK,
    },
}


@given(
    st.sampled_from(list(SAMPLERS)).flatmap(
        lambda kind: st.tuples(st.just(kind), st.fixed_dictionaries({}, optional=SAMPLERS[kind]))
    )
)
def test_samplers(case: tuple[type, dict]) -> None:
    kind, options = case

    def make_sampler(relabel: HindsightRelabel):
        return kind(relabel, **options) if kind is CHERSampler else kind(**options)

    assert_works_or_names(lambda: relabelled_batch(make_sampler), [*options, "max_fit"])


def losses(**options) -> None:
    loss = SoftMultiGoalLoss(*NETWORKS, **{"alpha": 0.1, "gamma": 0.9} | options)
    states = {"observation": torch.randn(6, 4), "desired_goal": torch.randn(6, 2)}
    following = {**states, "reward": -torch.ones(6, 1), "terminated": torch.zeros(6, 1, dtype=torch.bool)}
    loss(TensorDict({**states, "action": torch.rand(6, 3), "next": following}, [6]))


LOSS = {
    "alpha": JUNK,
    "gamma": JUNK,
    "clip": st.one_of(JUNK, st.sampled_from(["none", "hard", "hard_q", "soft"])),
    "actor_q": JUNK,
    "target_entropy": JUNK,
    "num_qvalue_nets": st.one_of(JUNK.filter(lambda value: not isinstance(value, int) or value < 40)),
    "reduction": JUNK,
}


@given(st.fixed_dictionaries({}, optional=LOSS))
def test_loss(options: dict) -> None:
    assert_works_or_names(lambda: losses(**options), list(options))


@given(st.fixed_dictionaries({}, optional={"gamma": JUNK, "action_l2": JUNK}))
def test_ddpg_loss(options: dict) -> None:
    numbers = {"gamma": 0.9, "action_l2": 1.0} | options
    networks = make_ddpg_networks(GoalDims(4, 2, 3), (8,))
    assert_works_or_names(lambda: MultiGoalDDPGLoss(*networks, **numbers), list(options))
