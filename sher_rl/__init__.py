"""Soft Hindsight Experience Replay as TorchRL components."""

from sher_rl import _mujoco  # noqa: F401 -- before TorchRL
from sher_rl.cli.recipe import cli
from sher_rl.envs.four_rooms import FourRooms, make_four_rooms_expert
from sher_rl.envs.gym_reward import GymReward
from sher_rl.envs.make import make_env
from sher_rl.envs.make_gym import make_gym
from sher_rl.envs.point_mass import PointMass
from sher_rl.envs.propose import GoalProposal, ProposeGoals
from sher_rl.envs.rewards import goal_reward
from sher_rl.envs.visited import KeepVisited, StartVisited
from sher_rl.errors import UsageError
from sher_rl.functional.competition import meeting_bonus, meeting_penalty
from sher_rl.functional.stability import delta_s
from sher_rl.functional.sub_task import SubTask
from sher_rl.learners.autograd import Learner
from sher_rl.learners.discriminator import DiscriminatorLearner
from sher_rl.learners.fused.learner import FusedLearner, fast_dtype
from sher_rl.learners.two_stage import fit_factors, fit_table
from sher_rl.modules.boltzmann import BestOfSamples, ComposedQ, UniformActions, make_boltzmann_policy
from sher_rl.modules.critics import (
    TwoStreamCritic,
    make_bilinear_networks,
    make_merged_networks,
    make_two_stream_networks,
)
from sher_rl.modules.discriminator import GoalDiscriminator
from sher_rl.modules.guide import Guided, make_guide
from sher_rl.modules.networks import GoalDims, make_ddpg_networks, make_networks
from sher_rl.modules.normalize import GoalNormalizer
from sher_rl.modules.norms import (
    FreeSpinPoseNorm,
    PoseNorm,
    RelayNorm,
    SymmetricObjectNorm,
    make_goal_norm,
    make_observation_norm,
)
from sher_rl.modules.policy import make_explorer, make_policy
from sher_rl.modules.policy_file import load_policy, pretrained
from sher_rl.modules.soft_q import make_soft_q_networks
from sher_rl.modules.waypoints import toward_waypoints
from sher_rl.objectives.cloning import QFilteredCloning
from sher_rl.objectives.ddpg import MultiGoalDDPGLoss
from sher_rl.objectives.discrete_soft_q import DiscreteSoftQLoss
from sher_rl.objectives.goal_gail import GoalGAILLoss
from sher_rl.objectives.sher import SoftMultiGoalLoss
from sher_rl.objectives.soft_q import SoftQLoss
from sher_rl.replay.demonstrations import load_demonstrations
from sher_rl.replay.imitation import ImitationReward
from sher_rl.replay.mix import MixDemonstrations
from sher_rl.replay.relabel import HindsightRelabel
from sher_rl.replay.relay import RelayGoals
from sher_rl.replay.rival import RivalRewards
from sher_rl.replay.spliced import SplicedGoals
from sher_rl.samplers.cher import CHERSampler
from sher_rl.samplers.density import CDPSampler, MEPSampler
from sher_rl.samplers.energy import EBPSampler
from sher_rl.samplers.goals.goal_gan import GoalGAN
from sher_rl.samplers.goals.rare import RareGoals
from sher_rl.samplers.goals.uniform import UniformGoals
from sher_rl.tasks import TASKS
from sher_rl.training.config import Config, CurriculumConfig, DemonstrationsConfig, DherConfig, HerConfig, RelayConfig
from sher_rl.training.config_cer import CerConfig
from sher_rl.training.config_goal_gail import GoalGailConfig
from sher_rl.training.init_from import init_from
from sher_rl.training.loop import train
from sher_rl.training.on_ray import train_on_ray
from sher_rl.training.parts import Parts
from sher_rl.training.recording import record_demonstrations, save_demonstrations
from sher_rl.training.rival import Rival
from sher_rl.training.samplers import make_sampler

__version__ = "0.1.0"

__all__ = [
    "TASKS",
    "BestOfSamples",
    "CDPSampler",
    "CHERSampler",
    "CerConfig",
    "ComposedQ",
    "Config",
    "CurriculumConfig",
    "DemonstrationsConfig",
    "DherConfig",
    "DiscreteSoftQLoss",
    "DiscriminatorLearner",
    "EBPSampler",
    "FourRooms",
    "FreeSpinPoseNorm",
    "FusedLearner",
    "GoalDims",
    "GoalDiscriminator",
    "GoalGAILLoss",
    "GoalGAN",
    "GoalGailConfig",
    "GoalNormalizer",
    "GoalProposal",
    "Guided",
    "GymReward",
    "HerConfig",
    "HindsightRelabel",
    "ImitationReward",
    "KeepVisited",
    "Learner",
    "MEPSampler",
    "MixDemonstrations",
    "MultiGoalDDPGLoss",
    "Parts",
    "PointMass",
    "PoseNorm",
    "ProposeGoals",
    "QFilteredCloning",
    "RareGoals",
    "RelayConfig",
    "RelayGoals",
    "RelayNorm",
    "Rival",
    "RivalRewards",
    "SoftMultiGoalLoss",
    "SoftQLoss",
    "SplicedGoals",
    "StartVisited",
    "SubTask",
    "SymmetricObjectNorm",
    "TwoStreamCritic",
    "UniformActions",
    "UniformGoals",
    "UsageError",
    "cli",
    "delta_s",
    "fast_dtype",
    "fit_factors",
    "fit_table",
    "goal_reward",
    "init_from",
    "load_demonstrations",
    "load_policy",
    "make_bilinear_networks",
    "make_boltzmann_policy",
    "make_ddpg_networks",
    "make_env",
    "make_explorer",
    "make_four_rooms_expert",
    "make_goal_norm",
    "make_guide",
    "make_gym",
    "make_merged_networks",
    "make_networks",
    "make_observation_norm",
    "make_policy",
    "make_sampler",
    "make_soft_q_networks",
    "make_two_stream_networks",
    "meeting_bonus",
    "meeting_penalty",
    "pretrained",
    "record_demonstrations",
    "save_demonstrations",
    "toward_waypoints",
    "train",
    "train_on_ray",
]
