"""Which transitions are drawn from a buffer: the replay optimisations that Algorithm 1 admits."""
