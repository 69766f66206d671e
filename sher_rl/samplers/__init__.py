"""Samplers of a replay buffer that serve hindsight relabelling."""

from sher_rl.samplers.density import CDPSampler, MEPSampler
from sher_rl.samplers.energy import EBPSampler

__all__ = ["CDPSampler", "EBPSampler", "MEPSampler"]
