"""What a run is made of, as a recipe builds it."""

from __future__ import annotations

from dataclasses import dataclass

from tensordict.nn import TensorDictModule, TensorDictModuleBase
from torchrl.data import TensorDictReplayBuffer
from torchrl.envs import EnvBase

from sher_rl.learners.autograd import Learner
from sher_rl.learners.fused.learner import FusedLearner
from sher_rl.modules.normalize import GoalNormalizer
from sher_rl.replay.relabel import HindsightRelabel
from sher_rl.training.samplers import OnCycle, nothing


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of a run: what a recipe's ``build`` returns, and the arguments of :func:`~sher_rl.train`."""

    env: EnvBase
    """Training environments of :func:`~sher_rl.make_env`, or others with its keys."""
    policy: TensorDictModule
    """Deterministic, for evaluations; shares the learner's actor."""
    explorer: TensorDictModuleBase
    """What collects, from :func:`~sher_rl.make_explorer`."""
    normalizer: GoalNormalizer
    """Last transform of the buffer."""
    relabel: HindsightRelabel
    """First transform of the buffer."""
    buffer: TensorDictReplayBuffer
    """What is collected goes in, batches come out."""
    learner: FusedLearner | Learner
    """Takes the gradient steps."""
    on_cycle: OnCycle = nothing
    """Called with the frames so far after each round of updates."""
