"""Samplers for replay buffers with hindsight goals."""

from sher_rl.samplers.cher import CHERSampler

__all__ = ["CHERSampler"]
