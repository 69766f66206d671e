"""Gradient steps of this package's losses without autograd."""
