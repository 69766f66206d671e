"""Soft Hindsight Experience Replay as TorchRL components."""

from sher_rl.config import Config, cli
from sher_rl.envs import TASKS, goal_reward, make_env
from sher_rl.errors import UsageError
from sher_rl.functional import delta_s
from sher_rl.hindsight import HindsightRelabel
from sher_rl.learner import FusedLearner, fast_dtype
from sher_rl.modules import GoalDims, load_policy, make_networks, make_policy
from sher_rl.objectives import SoftMultiGoalLoss
from sher_rl.samplers import CDPSampler, EBPSampler, MEPSampler
from sher_rl.trainer import train
from sher_rl.transforms import GoalNormalizer

__version__ = "0.1.0"

__all__ = [
    "TASKS",
    "CDPSampler",
    "Config",
    "EBPSampler",
    "FusedLearner",
    "GoalDims",
    "GoalNormalizer",
    "HindsightRelabel",
    "MEPSampler",
    "SoftMultiGoalLoss",
    "UsageError",
    "cli",
    "delta_s",
    "fast_dtype",
    "goal_reward",
    "load_policy",
    "make_env",
    "make_networks",
    "make_policy",
    "train",
]
