"""Which transitions are drawn from the buffer: the replay optimisations that Algorithm 1 admits."""

from sher_rl.samplers.cher import CHERSampler
from sher_rl.samplers.choice import make_sampler

__all__ = ["CHERSampler", "make_sampler"]
