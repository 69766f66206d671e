"""Adam's state, in both learners."""

import copy
from functools import partial

import pytest
from helpers.batches import DIMS, random_batch

from sher_rl import (
    FusedLearner,
    Learner,
    SoftMultiGoalLoss,
    make_networks,
)

KINDS = [partial(FusedLearner, compile=False), partial(Learner, target_every=3)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", ["exp_avg", "exp_avg_sq"])
def test_moments_of_another_network_are_refused(kind: partial, moment: str) -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9)
    learner = kind(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    learner.step(random_batch(8))
    state = copy.deepcopy(learner.state_dict())
    moments = state["optimizer"]["state"][0]
    moments[moment] = moments[moment][:-1]
    with pytest.raises(ValueError, match=f"Adam's moments have the shapes .*{moment}"):
        learner.load_state_dict(state)


@pytest.mark.parametrize("kind", KINDS)
def test_moments_of_silent_inputs_end_at_zero_and_not_at_denormals(kind: partial) -> None:
    loss = SoftMultiGoalLoss(*make_networks(DIMS, (16,)), alpha=0.1, gamma=0.9)
    learner = kind(loss, actor_lr=1e-3, critic_lr=1e-3, polyak=0.9)
    batch = random_batch(8)
    for part in (batch, batch["next"]):
        part["observation"].zero_()
    learner.step(batch)
    moments = [state[name] for state in learner.optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    for tiny in (True, False):
        for moment in moments:
            moment.fill_(1e-37)
        learner.steps = 62 if tiny else 63
        learner.step(batch)
        assert any(((moment != 0) & (moment.abs() < 1e-30)).any() for moment in moments) == tiny
