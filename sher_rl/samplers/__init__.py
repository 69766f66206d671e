"""Which transitions are drawn from the buffer: the replay optimisations that Algorithm 1 admits."""

from sher_rl.samplers.cher import CHERSampler
from sher_rl.samplers.density import CDPSampler, MEPSampler
from sher_rl.samplers.energy import EBPSampler
from sher_rl.training.samplers import make_sampler

__all__ = ["CDPSampler", "CHERSampler", "EBPSampler", "MEPSampler", "make_sampler"]
