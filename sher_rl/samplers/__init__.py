"""Which transitions are drawn from the buffer: the replay optimisations that Algorithm 1 admits."""
