"""Hindsight goals as a transform of a TorchRL replay buffer."""
